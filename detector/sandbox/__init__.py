"""Runs whatever touches hostile bytes in a confined child process and brings back only checked values.

The child inherits one open descriptor of the input, can open, write, start or connect to nothing, and is
killed past its limits. Knows nothing of marks, verdicts or repositories.

Names are loaded on first use: the child imports this package too, and should not load what it won't run.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detector.sandbox.credential import read_manifest_sandboxed, read_store_sandboxed
    from detector.sandbox.limits import SandboxLimits
    from detector.sandbox.selftest import sandbox_report
    from detector.sandbox.video import SandboxedVideo

__all__ = ["SandboxLimits", "SandboxedVideo", "read_manifest_sandboxed", "read_store_sandboxed", "sandbox_report"]

_HOMES = {
    "SandboxLimits": "limits",
    "SandboxedVideo": "video",
    "read_manifest_sandboxed": "credential",
    "read_store_sandboxed": "credential",
    "sandbox_report": "selftest",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
