"""Rules of the story: nothing is signed that was not approved, nothing is seen that is not whole."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from core.canonical import file_sha256
from core.errors import RequestRefused, UnreadableInput, UsageError
from core.video import container_tags, open_clip
from generator.port import GenerationRequest
from policy.log.proof import verify_receipt
from provenance.reading import read_manifest
from reelproof.facts import manifest_facts
from reelproof.releases import MarkedClip, SealFacts
from reelproof.wiring import Services
from watermark.payload import Payload

REQUEST = GenerationRequest("a red ball on a green floor", seed=3)


def stages(services: Services) -> list[str]:
    return [services.log.entry(index)["stage"] for index in range(services.log.size)]


def test_a_released_clip_proves_itself(services: Services, tmp_path: Path) -> None:
    """A release is signed by us, intact, marked with its own ID, registered, logged in order, and tagged."""
    out = tmp_path / "clip.mp4"
    report = services.pipeline.generate(REQUEST, out)
    read = read_manifest(out, services.trust)
    payload = Payload(services.keys.watermark_key_id, int(report.content_id, 16))
    release = services.repository.get(report.manifest_id)
    assert (read.signature_valid, read.binding_intact, read.manifest_id) == (True, True, report.manifest_id)
    assert read.origin == "generated"
    assert services.pipeline.pixel.extract(open_clip(out), services.keys.watermark_keys).payload == payload
    assert release is not None
    assert release.sha256 == report.sha256 == file_sha256(out)
    assert release.manifest_store
    assert stages(services) == ["input", "sign-intent", "release"]
    assert json.loads(container_tags(out)["AIGC"])["ProduceID"] == report.manifest_id
    assert os.listdir(tmp_path) == sorted(["clip.mp4", "home"]) or set(os.listdir(tmp_path)) == {"clip.mp4", "home"}


def test_the_report_proves_the_decision(services: Services, tmp_path: Path) -> None:
    """The proof in the report verifies against the log's key and the entry's bytes."""
    report = services.pipeline.generate(REQUEST, tmp_path / "clip.mp4")
    entry = services.log.entry_bytes(report.log["index"])
    assert verify_receipt(report.log["proof"], entry, services.log.verifier_key).root.hex() == report.log["root"]


def test_neither_the_file_nor_the_log_holds_the_prompt(services: Services, tmp_path: Path) -> None:
    """What a person wrote stands in no manifest, no log entry and no record of the repository."""
    out = tmp_path / "clip.mp4"
    prompt = "a crimson xylophone on a velvet plateau"
    report = services.pipeline.generate(dataclasses.replace(REQUEST, prompt=prompt), out)
    release = services.repository.get(report.manifest_id)
    assert release is not None
    for held in (out.read_bytes(), *(services.log.entry_bytes(i) for i in range(services.log.size))):
        assert b"xylophone" not in held
    assert "xylophone" not in json.dumps(release.facts)


def test_a_refused_prompt_generates_nothing(services: Services, tmp_path: Path) -> None:
    """A named living person: refused with codes and a logged decision, the name not echoed, no file."""
    out = tmp_path / "clip.mp4"
    with pytest.raises(RequestRefused) as caught:
        services.pipeline.generate(GenerationRequest("Taylor Swift dancing on a rooftop, photorealistic"), out)
    assert caught.value.reason_codes
    assert "swift" not in f"{caught.value} {caught.value.hint}".lower()
    assert services.log.entry(caught.value.log_index or 0)["outcome"] == "refuse"
    assert stages(services) == ["input"]
    assert not out.exists()


def test_an_approval_counts_only_if_the_log_says_so(services: Services, tmp_path: Path) -> None:
    """A forged approval, or one for a refused entry, reaches neither the model nor the signer."""
    approval = services.pipeline.approve(REQUEST)
    with pytest.raises(RequestRefused):
        services.pipeline.generate(GenerationRequest("Taylor Swift dancing, photorealistic"), tmp_path / "x.mp4")
    refused_index = services.log.size - 1
    for forged in (
        dataclasses.replace(approval, request_id="another"),
        dataclasses.replace(approval, log_index=refused_index),
    ):
        with pytest.raises(RequestRefused):
            services.pipeline.render(forged, REQUEST, tmp_path)
        with pytest.raises(RequestRefused):
            services.pipeline.release(
                forged, MarkedClip(tmp_path / "x.mp4", "00", 1, {"timings_s": {}}), tmp_path / "y.mp4"
            )
    assert "sign-intent" not in stages(services)


def test_a_release_repeated_after_a_crash_happens_once(services: Services, tmp_path: Path) -> None:
    """The same marked clip released twice gives the same file, one record and one release entry."""
    approval = services.pipeline.approve(REQUEST, request_id="job-1")
    marked = services.pipeline.render(approval, REQUEST, tmp_path)
    revived = MarkedClip.from_json(json.loads(json.dumps(marked.to_json())))
    first = services.pipeline.release(approval, marked, tmp_path / "a.mp4")
    second = services.pipeline.release(approval, revived, tmp_path / "b.mp4")
    assert first.sha256 == second.sha256
    assert first.manifest_id == second.manifest_id
    assert stages(services).count("release") == 1


def test_a_failure_leaves_nothing_under_the_final_name(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When signing fails (a full disk, say), an older file under that name stays as it was and no stray is left."""
    out = tmp_path / "clip.mp4"
    out.write_bytes(b"an older file")
    monkeypatch.setattr("reelproof.pipeline.sign_clip", _full_disk)
    with pytest.raises(OSError, match="No space left"):
        services.pipeline.generate(REQUEST, out)
    assert out.read_bytes() == b"an older file"
    assert set(os.listdir(tmp_path)) == {"clip.mp4", "home"}
    assert "release" not in stages(services)


def _full_disk(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_sealed_clip_is_marked_and_says_who_made_it(services: Services, tmp_path: Path) -> None:
    """Sealing another generator's clip marks and signs it as opened, and keeps the original as its parent."""
    foreign = tmp_path / "foreign.mp4"
    services.pipeline.generate(REQUEST, foreign)
    out = tmp_path / "sealed.mp4"
    report = services.pipeline.seal(foreign, out, SealFacts("Some Generator", "some-model-2"))
    read = read_manifest(out, services.trust)
    assert (read.signature_valid, read.binding_intact) == (True, True)
    assert report.watermark["noise"] is None
    assert read.manifest_id == report.manifest_id
    actions = read.assertions["c2pa.actions.v2"]["actions"]
    assert actions[0]["action"] == "c2pa.opened"


def test_sealing_what_is_no_video_says_so(services: Services, tmp_path: Path) -> None:
    """A text file can't be sealed, and nothing is written."""
    (tmp_path / "a.mp4").write_text("not a video")
    with pytest.raises(UnreadableInput):
        services.pipeline.seal(tmp_path / "a.mp4", tmp_path / "out.mp4", SealFacts())
    assert not (tmp_path / "out.mp4").exists()


def test_an_impossible_request_names_what_is_possible(services: Services, tmp_path: Path) -> None:
    """A size the backend can't do is refused with the nearest it can."""
    with pytest.raises(UsageError) as caught:
        services.pipeline.generate(dataclasses.replace(REQUEST, width_px=17, height_px=9_000), tmp_path / "x.mp4")
    assert caught.value.hint


def test_the_same_seed_gives_the_same_frames_before_marking(services: Services) -> None:
    """Seed, prompt, payload and key fix the frames; another payload changes the noise they start from."""
    backend = services.backends["embedded"]
    payloads = (Payload(1, 5), Payload(1, 5), Payload(1, 6))
    clips = [
        backend.generate(REQUEST, services.pipeline._initial_latents(backend, REQUEST, one)).clip.to_array()
        for one in payloads
    ]
    assert (clips[0] == clips[1]).all()
    assert (clips[0] != clips[2]).any()


def test_manifest_facts_hold_numbers_and_words_only() -> None:
    """Sampling settings that are no plain values never reach a manifest."""
    from reelproof.facts import _public

    assert manifest_facts is not None
    assert _public({"steps": 4, "sampler": "euler", "latents": [1.0]}) == {"steps": 4, "sampler": "euler"}
