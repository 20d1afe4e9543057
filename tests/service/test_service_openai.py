"""The official OpenAI client, as it is, against a real server."""

from pathlib import Path

import openai
import pytest

from tests.service.running import RunningServer

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")


@pytest.fixture(scope="module")
def client(server: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(api_key="any", base_url=f"{server.url}/v1", timeout=120, max_retries=0)


@pytest.fixture(scope="module")
def made(client: openai.OpenAI) -> openai.types.Video:
    """One finished clip, made and polled by the client's own helper."""
    return client.videos.create_and_poll(
        prompt="a red ball",
        model="embedded",
        size="256x256",  # type: ignore[arg-type]
        seconds="2",  # type: ignore[arg-type]
        poll_interval_ms=200,
    )


def test_client_makes_and_polls_a_clip(made: openai.types.Video) -> None:
    """`create_and_poll` ends with a completed video that says what was asked."""
    assert (made.status, made.progress, made.object) == ("completed", 100, "video")
    assert (made.size, made.model, made.prompt) == ("256x256", "embedded", "a red ball")
    assert made.completed_at is not None
    assert made.completed_at >= made.created_at


def test_client_retrieves_and_lists(client: openai.OpenAI, made: openai.types.Video) -> None:
    """The clip is found by its id and in the list, page by page."""
    assert client.videos.retrieve(made.id).status == "completed"
    assert made.id in [video.id for video in client.videos.list(limit=1)]


def test_client_downloads_every_variant(client: openai.OpenAI, made: openai.types.Video, tmp_path: Path) -> None:
    """`download_content` gives the clip and its pictures."""
    client.videos.download_content(made.id).write_to_file(tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes()[4:8] == b"ftyp"
    assert client.videos.download_content(made.id, variant="thumbnail").read()[:2] == b"\xff\xd8"
    assert client.videos.download_content(made.id, variant="spritesheet").read()[:2] == b"\xff\xd8"


def test_client_remixes(client: openai.OpenAI, made: openai.types.Video) -> None:
    """A remix names the clip it comes from and says honestly what was kept."""
    remix = client.videos.remix(made.id, prompt="a blue ball")
    assert (remix.remixed_from_video_id, remix.prompt, remix.size) == (made.id, "a blue ball", "256x256")
    assert "frames are not looked at" in remix.model_dump()["reelproof"]["note"]
    client.videos.poll(remix.id, poll_interval_ms=200)
    assert client.videos.delete(remix.id).deleted


def test_client_deletes(client: openai.OpenAI) -> None:
    """A deleted clip is gone, running or not."""
    video = client.videos.create(prompt="a green ball", model="embedded")
    gone = client.videos.delete(video.id)
    assert (gone.id, gone.deleted, gone.object) == (video.id, True, "video.deleted")
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(video.id)


def test_refusal_reaches_the_client_as_moderation_blocked(client: openai.OpenAI) -> None:
    """A refused prompt raises the client's BadRequestError with OpenAI's own code, and without the name."""
    with pytest.raises(openai.BadRequestError) as refused:
        client.videos.create(prompt="Taylor Swift dancing", model="embedded")
    assert refused.value.code == "moderation_blocked"
    assert "swift" not in str(refused.value).lower()


def test_unsupported_calls_fail_clearly(client: openai.OpenAI) -> None:
    """What the weights never learned, and models that are not here, raise with a reason, not with a 404."""
    with pytest.raises(openai.BadRequestError) as unknown:
        client.videos.create(prompt="a ball", model="sora-2")
    assert unknown.value.code == "model_not_found"


def test_reference_pictures_are_refused_not_ignored(client: openai.OpenAI, tmp_path: Path) -> None:
    """An input reference that the model can't use is an error, so that nobody thinks it was used."""
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(openai.APIStatusError) as refused:
        client.videos.create(prompt="a ball", model="embedded", input_reference=tmp_path / "a.png")
    assert refused.value.code == "unsupported_media"
    with pytest.raises(openai.BadRequestError) as unable:
        client.videos.extend(prompt="more", seconds="2", video=("a.mp4", b"x"))
    assert unable.value.code == "unsupported_media"


def test_client_checks_provenance(client: openai.OpenAI, made: openai.types.Video) -> None:
    """The client's provenance check sees our credential in our clip: trusted, with its issuer."""
    clip = client.videos.download_content(made.id).read()
    checked = client.content_provenance_checks.create(file=("clip.mp4", clip, "video/mp4"))
    assert checked.object == "content_provenance_check"
    first = checked.results[0]
    assert (first.type, first.outcome, first.validation_state) == ("c2pa", "detected", "trusted")
    assert first.issuer
