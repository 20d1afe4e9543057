"""The C2PA library's settings, spelt once, checked by our own schema.

The library accepts a misspelt key silently, and its defaults fetch addresses an attacker chooses. So every
context is made here, from a frozen dataclass, and `provenance.selftest` proves that they act.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import c2pa

from core.errors import ConfigurationError

CLAIM_EKUS = ("1.3.6.1.4.1.62558.2.1", "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.36", "1.3.6.1.4.1.311.76.59.1.9")
TIME_STAMPING_EKU = "1.3.6.1.5.5.7.3.8"
ENGINE_VERSION = "0.91.3"  # c2pa-rs inside c2pa-python 0.38.1; the form of the settings changed with 0.91


@dataclass(frozen=True)
class Anchors:
    """Trusted roots for one purpose, under the URI that the library will name in its explanations."""

    uri: str
    pem: str
    is_time_stamping: bool = False

    def to_settings(self) -> dict[str, Any]:
        """The entry of `trust.anchors`."""
        ekus = (TIME_STAMPING_EKU,) if self.is_time_stamping else CLAIM_EKUS
        return {
            "trust_kind": "tsa" if self.is_time_stamping else "manifest",
            "trust_uri": self.uri,
            "trust_anchors": self.pem,
            "trust_config": "\n".join(ekus),
        }


def settings_with(anchors: tuple[Anchors, ...]) -> dict[str, Any]:
    """The settings as a JSON value. Nothing is ever fetched: no remote manifest, no OCSP, no host allowed."""
    return {
        "version": 1,
        "verify": {
            "verify_after_sign": True,
            "verify_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        "core": {"allowed_network_hosts": [], "backing_store_memory_threshold_in_mb": 64},
        "builder": {"thumbnail": {"enabled": False}, "bmff_hash_exclude_free_and_skip_boxes": False},
        "trust": {"anchors": [one.to_settings() for one in anchors]},
    }


@lru_cache(maxsize=16)
def context_with(anchors: tuple[Anchors, ...]) -> c2pa.Context:
    """A context over `settings_with(anchors)`. Thread-safe, kept for the process.

    Raises:
        ConfigurationError: `c2pa_version`, `c2pa_settings`.
    """
    if c2pa.sdk_version() != ENGINE_VERSION:
        raise ConfigurationError(
            f"the C2PA engine {c2pa.sdk_version()} is installed, expected {ENGINE_VERSION}",
            code="c2pa_version",
            hint="install c2pa-python==0.38.1; other versions read these settings differently",
        )
    try:
        return c2pa.Context(c2pa.Settings.from_dict(settings_with(anchors)))
    except c2pa.C2paError as error:
        raise ConfigurationError(
            f"the C2PA library refuses its settings: {error}",
            code="c2pa_settings",
            hint="run `reelproof doctor`; a trust list may be damaged",
        ) from error
