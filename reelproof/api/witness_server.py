"""A witness that others can run: one route, C2SP tlog-witness. Needs no home and no model."""

import sys
from pathlib import Path

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from core.clock import Clock
from core.errors import ConfigurationError
from core.files import write_atomically
from policy.log.note import VerifierKey
from policy.log.witness import MAX_REQUEST_BYTES, Witness, WitnessRefusal

_SIZE_TYPE = "text/x.tlog.size"


def open_witness(folder: Path, name: str, logs: tuple[str, ...], clock: Clock) -> Witness:
    """A witness over a folder; its key (mode 0600) is made on first use, and its name stays the one it began with.

    Raises:
        ConfigurationError: the folder belongs to a witness of another name, or its key can't be read.
    """
    seed, named = folder / "witness.key", folder / "witness.name"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not seed.exists():
        write_atomically(named, name.encode())
        write_atomically(seed, Ed25519PrivateKey.generate().private_bytes_raw(), mode=0o600)
    if named.read_text("utf-8") != name:
        raise ConfigurationError(
            f"this folder belongs to the witness {named.read_text('utf-8')}",
            code="witness_name",
            hint="Give that name, or another folder: a key stands for one name.",
        )
    try:
        key = Ed25519PrivateKey.from_private_bytes(seed.read_bytes())
    except ValueError as fault:
        raise ConfigurationError(
            "the witness's key is damaged", code="witness_key", hint="Restore witness.key from its backup."
        ) from fault
    return Witness(folder, key, name, [VerifierKey.parse(log) for log in logs], clock)


def witness_app(witness: Witness) -> FastAPI:
    """The application: `POST /add-checkpoint`, and `GET /` that tells the witness's public key."""
    app = FastAPI(title="Reelproof witness", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/")
    async def public_key() -> Response:
        return PlainTextResponse(f"{witness.key}\n")

    @app.post("/add-checkpoint")
    async def add_checkpoint(request: Request) -> Response:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_REQUEST_BYTES:
                return PlainTextResponse("too long\n", 413)
        try:
            return PlainTextResponse(await run_in_threadpool(witness.add_checkpoint, bytes(body)))
        except WitnessRefusal as refusal:
            if refusal.size is not None:
                return Response(f"{refusal.size}\n", refusal.status, media_type=_SIZE_TYPE)
            return PlainTextResponse(f"{refusal}\n", refusal.status)

    return app


def serve_witness(witness: Witness, host: str, port: int) -> None:
    """Serve until interrupted. A proxy in front gives it TLS and a public name."""
    sys.stderr.write(f"the witness {witness.key} serves on http://{host}:{port} (stop it with Ctrl-C)\n")
    uvicorn.run(
        witness_app(witness), host=host, port=port, log_level="warning", access_log=False, server_header=False
    )
