"""What is held and what becomes of it: requests and finished frames before a person, on the command line."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.clip import Clip
from core.errors import RequestRefused, UsageError
from core.progress import Progress, silent
from generator.fake import FakeBackend
from generator.port import GeneratedClip, GenerationRequest, Latents
from policy.codes import Code
from policy.reviews import ReviewKind, ReviewState
from reelproof.backends import Backends
from reelproof.references import Reference
from reelproof.releases import Asker, HeldForReview
from reelproof.reviews import appeal, decide_review, sheet_of, show_review
from reelproof.wiring import Services
from tests.policy.test_policy_references import drawn_face

Command = Callable[..., tuple[int, str, str]]
HELD = "Marlene Oberhauser waters the plants"
NOBODY = GenerationRequest(prompt="a grey field", width_px=256, height_px=256, seed=5)


class FaceBackend(FakeBackend):
    """A generator that draws a face into every frame, whatever it is asked for, and counts its calls."""

    calls = 0

    def generate(self, request: GenerationRequest, latents: Latents, progress: Progress = silent) -> GeneratedClip:
        FaceBackend.calls += 1
        made = super().generate(request, latents, progress)
        frames = made.clip.to_array().copy()
        face = drawn_face(120, 20)
        frames[:, 40 : 40 + face.shape[0], 40 : 40 + face.shape[1]] = face
        return dataclasses.replace(made, clip=Clip.from_array(frames, made.clip.info.fps))


@pytest.fixture
def drawing(services: Services) -> Services:
    """The home with a generator that draws faces."""
    backends = Backends({"embedded": FaceBackend})
    return dataclasses.replace(
        services, backends=backends, pipeline=dataclasses.replace(services.pipeline, backends=backends)
    )


def test_a_held_request_goes_on_once_it_is_approved(command: Command, services: Services, tmp_path: Path) -> None:
    """Exit 3 and nothing made; listed and read, which is logged; approved, the clip is made."""
    out = tmp_path / "clip.mp4"
    make = ("generate", HELD, "-o", out, "--size", "256x256", "--seed", 5)
    code, _, said = command(*make)
    assert code == 3
    assert "review" in said
    assert not out.exists()
    (review,) = json.loads(command("review", "list", "--json")[1])["reviews"]
    shown = json.loads(command("review", "show", review["id"])[1])
    assert shown["texts"] == {"prompt": HELD}
    assert services.log.entry(services.log.size - 1)["stage"] == "access"
    code, told, _ = command("review", "approve", review["id"])
    assert code == 0
    assert review["request_id"] in told
    code, _, said = command(*make, "--request", review["request_id"])
    assert code == 0, said
    assert out.exists()
    stages = [entry["stage"] for entry in services.log.entries(0, 100)]
    assert stages == ["input", "access", "review", "input", "sign-intent", "release"]


def test_a_rejected_request_is_refused(command: Command, tmp_path: Path) -> None:
    """Turned down, the same request is refused with the reason that a person said no; undecided is an error."""
    make = ("generate", HELD, "-o", tmp_path / "clip.mp4", "--seed", 5)
    command(*make)
    (review,) = json.loads(command("review", "list", "--json")[1])["reviews"]
    assert command("review", "decide", review["id"])[0] == 2
    assert command("review", "decide", review["id"], "--reject")[0] == 0
    code, _, said = command(*make, "--request", review["request_id"])
    assert code == 3
    assert "turned it down" in said


def test_a_face_nobody_asked_for_is_held_and_that_very_clip_goes_on(drawing: Services, tmp_path: Path) -> None:
    """Nothing is signed or published until a person has looked; then the held file is released, not a new one."""
    FaceBackend.calls, out = 0, tmp_path / "clip.mp4"
    with pytest.raises(HeldForReview) as held:
        drawing.pipeline.generate(NOBODY, out, request_id="req_1")
    assert held.value.reason_codes == (int(Code.OUTPUT_FACE),)
    assert not out.exists()
    assert [entry["stage"] for entry in drawing.log.entries(0, 9)] == ["input", "output"]
    with pytest.raises(HeldForReview):
        drawing.pipeline.generate(NOBODY, out, request_id="req_1")
    review = drawing.reviews.of_request("req_1", ReviewKind.OUTPUT)
    assert review is not None
    assert sheet_of(drawing, review.review_id, "local").startswith(b"\xff\xd8")
    assert show_review(drawing, review.review_id, "local")["has_clip"]
    decide_review(drawing, review.review_id, approve=True, by="local")
    report = drawing.pipeline.generate(NOBODY, out, request_id="req_1")
    assert out.exists()
    assert report.content_id == review.digest
    assert FaceBackend.calls == 1


def test_held_frames_that_are_turned_down_are_deleted(drawing: Services, tmp_path: Path) -> None:
    """Rejected, the clip is gone and the request refused."""
    with pytest.raises(HeldForReview):
        drawing.pipeline.generate(NOBODY, tmp_path / "clip.mp4", request_id="req_1")
    review = drawing.reviews.of_request("req_1", ReviewKind.OUTPUT)
    assert review is not None
    decide_review(drawing, review.review_id, approve=False, by="local")
    assert not drawing.pipeline.output.clip("req_1").exists()
    with pytest.raises(UsageError):
        sheet_of(drawing, review.review_id, "local")


def test_a_request_with_consent_may_show_a_face(drawing: Services, tmp_path: Path) -> None:
    """With the person's token the drawn face is no surprise."""
    from policy.consent_desk import Grant

    token, _ = drawing.consents.grant(Grant("Marlene Oberhauser"), granted_by="local")
    request = dataclasses.replace(NOBODY, prompt=HELD)
    drawing.pipeline.generate(request, tmp_path / "clip.mp4", asker=Asker(consent_token=token))
    assert (tmp_path / "clip.mp4").exists()


def test_consent_taken_back_between_request_and_release_stops_the_release(
    services: Services, tmp_path: Path
) -> None:
    """Approved and rendered with a consent that is then revoked: nothing is signed or published."""
    from policy.consent_desk import Grant

    token, record = services.consents.grant(Grant("Marlene Oberhauser"), granted_by="local")
    request = dataclasses.replace(NOBODY, prompt=HELD)
    approval = services.pipeline.approve(request, asker=Asker(consent_token=token))
    marked = services.pipeline.render(approval, request, tmp_path)
    services.consents.revoke(record.consent.token_id, by="local")
    with pytest.raises(RequestRefused) as refused:
        services.pipeline.release(approval, marked, tmp_path / "clip.mp4")
    assert refused.value.reason_codes == (int(Code.CONSENT_REVOKED),)
    assert not (tmp_path / "clip.mp4").exists()
    assert services.log.entry(services.log.size - 1)["stage"] == "consent"


def test_sealing_takes_a_consent_too(command: Command, drawing: Services, tmp_path: Path) -> None:
    """A prompt that names a person is held without their token and sealed with it."""
    from core.video import write_clip

    clip = tmp_path / "in.mp4"
    made = FakeBackend()
    latents = np.random.default_rng(5).standard_normal(made.latent_spec(NOBODY).shape).astype(np.float32)
    write_clip(made.generate(NOBODY, latents).clip, clip)
    seal = ("seal", clip, "-o", tmp_path / "out.mp4", "--prompt", HELD)
    assert command(*seal)[0] == 3
    token = json.loads(command("consent", "grant", "Marlene Oberhauser", "--json")[1])["token"]
    code, _, said = command(*seal, "--consent", token)
    assert code == 0, said


def test_references_reach_the_decision(services: Services, tmp_path: Path) -> None:
    """A face in a reference refuses a request whose words are harmless."""
    import cv2

    path = tmp_path / "face.png"
    cv2.imwrite(str(path), drawn_face())
    with pytest.raises(RequestRefused) as refused:
        services.pipeline.approve(NOBODY, references=(Reference("image", path),))
    assert refused.value.reason_codes == (int(Code.REFERENCE_FACE),)


def test_an_appeal_is_read_and_decided_like_a_held_request(services: Services, tmp_path: Path) -> None:
    """A refusal waits once it is appealed; the statement is in the vault, not in the log; approved, it goes on."""
    request = dataclasses.replace(NOBODY, prompt="Taylor Swift sings")
    with pytest.raises(RequestRefused) as refused:
        services.pipeline.approve(request, request_id="req_1")
    index = refused.value.log_index
    assert index is not None
    with pytest.raises(UsageError):
        appeal(services, index + 5, "please")
    with pytest.raises(UsageError):
        appeal(services, index, " ")
    review = appeal(services, index, "she is my neighbour, not the singer")
    assert review.state is ReviewState.WAITING
    assert "neighbour" not in json.dumps(services.log.entries(0, 9))
    assert show_review(services, review.review_id, "local")["statement"] == "she is my neighbour, not the singer"
    decide_review(services, review.review_id, approve=True, by="local")
    assert services.pipeline.approve(request, request_id="req_1").request_id == "req_1"


def test_appeals_on_the_command_line(command: Command, tmp_path: Path) -> None:
    """`review appeal` puts a refusal into the queue."""
    assert command("generate", "Taylor Swift sings", "-o", tmp_path / "a.mp4")[0] == 3
    assert command("review", "list")[1].strip() == "nothing waits for review"
    code, said, _ = command("review", "appeal", 0, "she is my neighbour")
    assert code == 0
    assert "waiting" in said
    assert command("review", "appeal", 7, "why not")[0] == 2
