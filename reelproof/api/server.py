"""Serving: bind, say where, stop cleanly."""

import socket
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from core.errors import ConfigurationError
from reelproof.api.application import create_app
from reelproof.api.guards import is_loopback

if TYPE_CHECKING:
    from reelproof.wiring import Services

_GRACE_S = 10


class _TellingServer(uvicorn.Server):
    """Says where it serves once it really does."""

    def __init__(self, config: uvicorn.Config, url: str, closing: threading.Event) -> None:
        super().__init__(config)
        self._url = url
        self._closing = closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        await super().startup(sockets)
        if self.started:
            sys.stderr.write(f"Reelproof serves on {self._url} (stop it with Ctrl-C)\n")
            sys.stderr.flush()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Let open progress streams and waiting requests end, then stop; a second signal doesn't wait for them.

        The signal ends here: uvicorn would raise it again afterwards, and a clean stop would look like a crash.
        """
        self._closing.set()
        self.force_exit = self.should_exit
        self.should_exit = True


def run_server(services: "Services", host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; unfinished jobs go on at the next start.

    Raises:
        ConfigurationError: the port is taken, the address isn't ours, or the network would get in without a key.
    """
    is_open = not is_loopback(host)
    if is_open and not services.settings.api_keys:
        raise ConfigurationError(
            f"serving on {host} without API keys would let the network in",
            code="keys_needed",
            hint="Set REELPROOF_API_KEYS to the SHA-256 digests of the keys that may call, or serve on 127.0.0.1.",
        )
    listening = _bound(host, port)
    app = create_app(services, is_open_to_network=is_open)
    with listening:
        # Here, not in the application's lifespan, so that a home in use is told with its hint.
        app.state.front_door.jobs.start()
        _serve(app, listening, f"http://{_shown(host)}:{listening.getsockname()[1]}")


def _serve(app: FastAPI, listening: socket.socket, url: str) -> None:
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=64 * 1024,
        limit_concurrency=512,
    )
    server = _TellingServer(config, url, app.state.front_door.closing)
    try:
        server.run(sockets=[listening])
    finally:
        # After a second signal uvicorn leaves this out.
        app.state.front_door.jobs.close()
    if not server.started:
        raise ConfigurationError(
            "the server could not start", code="server_not_started", hint="The lines above say why."
        )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except (OSError, OverflowError) as fault:
        listening.close()
        raise ConfigurationError(
            f"can't serve on {host} port {port}: {getattr(fault, 'strerror', None) or fault}",
            code="address_not_usable",
            hint="Stop the program that has this port, or choose another with --port (0 picks a free one).",
        ) from fault
    return listening


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
