"""The embedded video model: small, trained here, deterministic and invertible. See docs/generator.md."""

from generator.embedded.backend import EmbeddedBackend, EmbeddedInverter

__all__ = ["EmbeddedBackend", "EmbeddedInverter"]
