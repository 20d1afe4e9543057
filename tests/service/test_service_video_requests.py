import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from generator.guide import CameraPose, Guide, Stroke
from generator.port import GenerationRequest, Shot
from policy.decision import Decision, Outcome
from reelproof.api.verification import c2pa_result
from reelproof.api.video_requests import read_generation, video_object
from reelproof.job_values import Job, JobFailure, JobState
from reelproof.releases import Approval
from reelproof.work import approval_from_json, approval_to_json, request_from_json, request_to_json

BACKENDS = {"embedded": None, "wan": None}


GUIDES = (
    Guide(strokes=(Stroke(((0.0, -0.5, 0.1), (1.0, 0.5, 0.1)), 2),)),
    Guide((CameraPose(0.0), CameraPose(0.5, 0.1, -0.1, 1.2, 10.0)), True, (Stroke(((0.25, 0.0, 0.0),)),)),
)


def read(**fields: Any) -> GenerationRequest:
    return read_generation(fields, BACKENDS, "embedded")


requests = st.builds(
    GenerationRequest,
    prompt=st.text(max_size=50),
    negative_prompt=st.text(max_size=20),
    width_px=st.none() | st.integers(1, 9999),
    height_px=st.none() | st.integers(1, 9999),
    seconds=st.none() | st.floats(0.1, 60),
    fps=st.none() | st.fractions(1, 240),
    steps=st.none() | st.integers(1, 100),
    guidance_scale=st.none() | st.floats(0, 30),
    seed=st.none() | st.integers(0, 2**53),
    camera=st.none() | st.text(max_size=10),
    shots=st.lists(st.builds(Shot, st.text(max_size=9), st.none() | st.floats(0.1, 60)), max_size=3).map(tuple),
    guide=st.none() | st.sampled_from(GUIDES),
)


@given(requests)
def test_requests_survive_json(request: GenerationRequest) -> None:
    """A request read back from a job is the one that was stored."""
    assert request_from_json(request_to_json(request)) == request


@given(
    st.lists(st.integers(100, 999), max_size=4), st.lists(st.text(max_size=9), max_size=4), st.integers(0, 2**40)
)
def test_approvals_survive_json(codes: list[int], reasons: list[str], index: int) -> None:
    """An approval read back from a job is the one that was stored."""
    decision = Decision(Outcome.ALLOW, tuple(codes), ("a",), tuple(reasons), "digest", score=0.25)
    approval = Approval("video_1", decision, index)
    assert approval_from_json(approval_to_json(approval)) == approval


def test_openai_s_fields_are_read() -> None:
    """What the official client sends as text becomes numbers and pixels."""
    asked = read(prompt="a ball", model="wan", size="512x320", seconds="2.5", seed="7", fps="24000/1001")
    assert (asked.backend, asked.width_px, asked.height_px) == ("wan", 512, 320)
    assert (asked.seconds, asked.seed, asked.fps) == (2.5, 7, Fraction(24000, 1001))


def test_shots_are_read_from_json_and_from_a_form_s_text() -> None:
    """A list of objects, or the same as text; a length may be left out."""
    listed = [{"prompt": "a cube spins", "seconds": 2.5}, {"prompt": "a star"}]
    for given_as in (listed, json.dumps(listed)):
        assert read(prompt="a ball", shots=given_as).shots == (Shot("a cube spins", 2.5), Shot("a star"))


def test_a_guide_is_read_from_json_and_from_a_form_s_text() -> None:
    """A camera path and strokes as an object, or the same as text."""
    for guide in GUIDES:
        for given_as in (guide.to_json(), json.dumps(guide.to_json())):
            assert read(prompt="a ball", guide=given_as).guide == guide


def test_what_is_left_out_is_left_to_the_backend() -> None:
    """A prompt alone is a request; null counts as left out."""
    assert read(prompt="a ball", size=None, seconds=None) == GenerationRequest(prompt="a ball")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "missing_prompt"),
        ({"prompt": "  "}, "missing_prompt"),
        ({"prompt": 7}, "invalid_parameter"),
        ({"prompt": "a", "size": "big"}, "invalid_parameter"),
        ({"prompt": "a", "size": "0x0"}, "invalid_parameter"),
        ({"prompt": "a", "size": 3}, "invalid_parameter"),
        ({"prompt": "a", "seconds": "soon"}, "invalid_parameter"),
        ({"prompt": "a", "seconds": "nan"}, "invalid_parameter"),
        ({"prompt": "a", "seconds": "1e999"}, "invalid_parameter"),
        ({"prompt": "a", "seconds": True}, "invalid_parameter"),
        ({"prompt": "a", "steps": "1.5"}, "invalid_parameter"),
        ({"prompt": "a", "steps": "9" * 40}, "invalid_parameter"),
        ({"prompt": "a", "fps": "1/0"}, "invalid_parameter"),
        ({"prompt": "a", "fps": "-24"}, "invalid_parameter"),
        ({"prompt": "a", "model": "sora-2"}, "model_not_found"),
        ({"prompt": "a", "model": ["embedded"]}, "model_not_found"),
        ({"prompt": "a", "quality": "hd"}, "unknown_parameter"),
        ({"prompt": "a", "shots": "a ball"}, "invalid_parameter"),
        ({"prompt": "a", "shots": {"prompt": "a ball"}}, "invalid_parameter"),
        ({"prompt": "a", "shots": ["a ball"]}, "invalid_parameter"),
        ({"prompt": "a", "shots": [{"seconds": 2}]}, "invalid_parameter"),
        ({"prompt": "a", "shots": [{"prompt": "b", "camera": "pan"}]}, "invalid_parameter"),
        ({"prompt": "a", "shots": [{"prompt": "b", "seconds": "inf"}]}, "invalid_parameter"),
        ({"prompt": "a", "shots": [{"prompt": "b"}] * 33}, "invalid_parameter"),
        ({"prompt": "a", "guide": "{"}, "invalid_parameter"),
        ({"prompt": "a", "guide": "left"}, "invalid_parameter"),
        ({"prompt": "a", "guide": {"camera": [{"time": 2}]}}, "guide"),
        ({"prompt": "a", "guide": "[]"}, "guide"),
        ({"prompt": "a", "input_reference": {"file": True}}, "not_supported"),
    ],
)
def test_requests_that_make_no_sense_are_named(fields: dict[str, Any], code: str) -> None:
    """Nothing is dropped or corrected silently: each fault has its code."""
    with pytest.raises(UsageError) as refused:
        read(**fields)
    assert refused.value.code == code


def job(state: JobState, **more: Any) -> Job:
    request = {"generation": request_to_json(GenerationRequest(prompt="a ball", width_px=256, height_px=256))}
    return Job("video_" + "0" * 32, "video", state, "", 0.5, 1_700_000_000, request, **more)


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_has_openai_s_name(state: JobState) -> None:
    """A client sees only queued, in_progress, completed or failed."""
    assert video_object(job(state))["status"] in ("queued", "in_progress", "completed", "failed")


def test_failed_video_says_why() -> None:
    """A failed job's object carries the code and the hint."""
    shown = video_object(job(JobState.FAILED, failure=JobFailure("no_space", "the disk is full", "Make room.")))
    assert shown["error"] == {"code": "no_space", "message": "the disk is full. Make room."}


def test_server_paths_are_not_shown() -> None:
    """The release's path on the server stands nowhere in the object."""
    release = {"path": "/srv/secret/clip.mp4", "sha256": "00"}
    shown = video_object(job(JobState.COMPLETED, results={"release": release}))
    assert "/srv/secret" not in repr(shown)
    assert shown["reelproof"]["release"]["sha256"] == "00"


INTACT = {"signature_valid": True, "assertions_intact": True, "binding_intact": True, "issuer": "Maker"}


@pytest.mark.parametrize(
    ("manifest", "state", "outcome"),
    [
        (None, "not_present", "not_detected"),
        (INTACT | {"trust_list": "official"}, "trusted", "detected"),
        (INTACT, "valid", "detected"),
        (INTACT | {"binding_intact": False, "trust_list": "official"}, "invalid", "not_detected"),
        ({"state": "broken"}, "invalid", "not_detected"),
    ],
)
def test_credentials_map_to_openai_s_states(manifest: dict[str, Any] | None, state: str, outcome: str) -> None:
    """Only an intact credential is detected, and only a listed signer is trusted; a broken one names nobody."""
    result = c2pa_result({"manifest": manifest, "conclusion": "altered"})
    assert (result["validation_state"], result["outcome"]) == (state, outcome)
    assert (result["issuer"] == "Maker") is (outcome == "detected")
