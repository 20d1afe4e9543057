"""What the service counts, in Prometheus' form. No label ever holds a user's text."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0)


class Meters:
    """One application's meters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "reelproof_http_requests_total",
            "Answered requests.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "reelproof_http_request_seconds",
            "Time to the end of the answer, seconds.",
            ["route"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.verdicts = Counter(
            "reelproof_verdicts_total", "Verdicts given, by conclusion.", ["conclusion"], registry=self.registry
        )
        self.videos = Counter(
            "reelproof_videos_total",
            "Generation requests, by what came of the asking.",
            ["outcome"],
            registry=self.registry,
        )
        self.log_size = Gauge("reelproof_log_entries", "Entries in the decision log.", registry=self.registry)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


class CountRequests:
    """ASGI middleware: counts and times requests by route template, not by path."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = "500", time.monotonic()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._meters.requests.labels(route, scope["method"], status).inc()
            self._meters.seconds.labels(route).observe(time.monotonic() - started)
