"""The HTTP service: detector, generation API, audit log and pages in one FastAPI application."""

from reelproof.api.application import create_app

__all__ = ["create_app"]
