"""Requests against limits."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from generator.limits import Limits
from generator.port import GenerationRequest

LIMITS = Limits(((256, 256), (128, 64)), (Fraction(12), Fraction(24)), 24, 48, 25, 50, 20, 10.0, 3.0)


def test_defaults_fill_the_gaps() -> None:
    """An empty request gets the backend's defaults; a lone width finds its size."""
    plan = LIMITS.plan(GenerationRequest("x"))
    assert (plan.width_px, plan.height_px, plan.fps, plan.frame_count, plan.steps) == (256, 256, 12, 25, 20)
    assert LIMITS.plan(GenerationRequest("x", width_px=128)).height_px == 64


@given(seconds=st.floats(allow_nan=True, allow_infinity=True))
def test_seconds_are_kept_or_refused(seconds: float) -> None:
    """A duration is met to half a frame, or refused with the nearest one that would be met."""
    request = GenerationRequest("x", seconds=seconds)
    if 2.0 - 0.5 / 12 <= seconds <= 4.0 + 0.5 / 12:
        assert abs(LIMITS.plan(request).seconds - seconds) <= 0.5 / 12 + 1e-9
        return
    with pytest.raises(UsageError) as refused:
        LIMITS.plan(request)
    assert ("4.00" if seconds > 4 else "2.00") in refused.value.hint


def test_the_nearest_value_is_the_nearest() -> None:
    """The hint names the closest size, rate and number of steps."""
    cases = [
        (GenerationRequest("x", width_px=130, height_px=70), "128x64"),
        (GenerationRequest("x", fps=Fraction(30)), "value: 24"),
        (GenerationRequest("x", steps=51), "value: 50"),
        (GenerationRequest("x", guidance_scale=0.2), "value: 1"),
    ]
    for request, nearest in cases:
        with pytest.raises(UsageError) as refused:
            LIMITS.plan(request)
        assert nearest in refused.value.hint
