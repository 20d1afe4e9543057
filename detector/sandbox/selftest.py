"""Which fences really hold on this machine, found by trying them in a real child. For `reelproof doctor`."""

import tempfile
from typing import Any

from core.errors import UnreadableInput
from detector.sandbox.limits import SandboxLimits
from detector.sandbox.parent import ConfinedChild

_JOB = "detector.sandbox.jobs:test_fences"


def sandbox_report(limits: SandboxLimits | None = None) -> dict[str, Any]:
    """`{"works", "granted": {fence: …}, "refused": {attempt: bool}, "weak": [attempt …], "problem"}`.

    `refused` lists what a confined child tried and whether the kernel refused it; `weak` names the attempts
    that succeeded, so an empty list with `works` true is full confinement.
    """
    with tempfile.TemporaryFile() as nothing:
        try:
            with ConfinedChild(_JOB, nothing, limits or SandboxLimits(), {}) as child:
                found: dict[str, Any] = next(child.replies(), {})
        except UnreadableInput as error:
            return {"works": False, "granted": {}, "refused": {}, "weak": [], "problem": str(error)}
    refused = found.get("refused", {})
    weak = sorted(name for name, was_refused in refused.items() if not was_refused)
    return {"works": True, "granted": found.get("granted", {}), "refused": refused, "weak": weak, "problem": None}
