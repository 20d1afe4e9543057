"""The slot for a classifier: pinned, checked, capped, and silent wherever its card does not reach.

The backbone is a real, tiny DINOv2 with random weights: what it says is worthless, how it is treated is not.
"""

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.clip import Clip
from core.errors import ConfigurationError
from core.video import write_clip
from detector.classifier.card import BACKBONE_FILE, CONFIG_FILE, HEAD_FILE, Card, card_from
from detector.classifier.folder import CARD_FILE, Head, read_folder, write_folder
from detector.classifier.judge import LocalClassifier
from detector.classifier.reading import CAP_LOG10, MAX_FALSE_ALARMS
from detector.service import Detector
from detector.verdict import Conclusion, Outcome
from provenance.manifest import ManifestFacts
from provenance.repository import MemoryManifestRepository
from provenance.signers import ephemeral_signer
from provenance.signing import sign_clip
from provenance.trust import TrustStore
from reelproof.classifier_model import load_classifier
from watermark.pixel import PixelWatermark

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", reason="the extra `guard` is not installed")
WIDTH = 16


def card(**changes: Any) -> dict[str, Any]:
    """A card without its files; `changes` replaces parts, or values in a part by `part__name`."""
    content: dict[str, Any] = {
        "schema": "reelproof.classifier/1",
        "name": "tiny random", "version": "1", "made_by": "a test", "preparation": "alike-1",
        "features": "frames-mean-step-1", "limits": ["Its weights are random."],
        "backbone": {"kind": "dinov2", "input_px": 28, "pictures": 4, "mean": [0.5] * 3, "std": [0.2] * 3},
        "training": {
            "real_clips": 900, "real_sources": 90, "generated_clips": 800, "generators": ["A", "B"],
            "calibration_clips": 200, "calibration_generated_share": 0.5, "expected_calibration_error": 0.03,
        },
        "evaluation": {
            "threshold": 0.9, "real_clips": 400, "real_sources": 60, "false_alarms": 0, "generated_clips": 300,
            "detected": 200, "generators_unseen": True, "sources_unseen": True, "auroc": 0.9,
        },
        "range": {"short_side_px": 240, "seconds": 1.0, "bits_per_pixel": 0.001, "least_step": 0.1},
    }  # fmt: skip
    for name, value in changes.items():
        part, _, inner = name.partition("__")
        if inner:
            content[part] = content[part] | {inner: value}
        else:
            content[part] = value
    return content


def head(bias: float = 8.0, features: int = 2 * WIDTH, **changes: Any) -> Head:
    """A head that says the same of every clip; its calibration clips lay anywhere."""
    row = np.zeros(features, np.float32)
    plain = Head(row, bias, row, row + 1, 1.0, 0.0, np.linspace(0, 1e6, 200).astype(np.float32))
    return replace(plain, **changes)


@pytest.fixture(scope="module")
def backbone() -> tuple[dict[str, Any], bytes]:
    """Configuration and weights of a DINOv2 with one layer of width 16."""
    from safetensors.torch import save

    torch.manual_seed(1)
    config = transformers.Dinov2Config(
        hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14
    )
    weights = transformers.Dinov2Model(config).state_dict()
    return config.to_dict(), save({name: value.contiguous() for name, value in weights.items()})


@pytest.fixture
def made(tmp_path: Path, backbone: tuple[dict[str, Any], bytes]) -> Callable[..., tuple[Path, str]]:
    """Writes a folder; gives it and its digest."""

    def folder(of_head: Head | None = None, **changes: Any) -> tuple[Path, str]:
        return tmp_path, write_folder(tmp_path, card(**changes), of_head or head(), *backbone)

    return folder


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory, moving: Callable[..., Clip]) -> Path:
    """Two seconds of 320×256 without mark or credential."""
    path = tmp_path_factory.mktemp("filmed") / "filmed.mp4"
    write_clip(moving(24, height=256, width=320), path, crf=24, preset="veryfast")
    return path


def detector(classifier: LocalClassifier | None) -> Detector:
    return Detector(
        TrustStore(()),
        MemoryManifestRepository(),
        PixelWatermark(),
        {},
        invert_noise="never",
        classifier=classifier,
    )


FACTS = {"width_px": 320, "height_px": 256, "duration_s": 2.0, "fps": 12.0, "size_bytes": 100_000}


def test_without_a_folder_nothing_changes(filmed: Path) -> None:
    """`classifier` is null, and every verdict says that nobody judges clips without marks here."""
    verdict = detector(None).verify(filmed)
    assert verdict.to_json()["classifier"] is None
    assert any("No classifier judges" in line for line in verdict.limits)


def test_a_bare_clip_is_likely_generated_only_with_a_rate(
    made: Callable[..., tuple[Path, str]], filmed: Path
) -> None:
    """Above the threshold, with a card that bounds its false alarms: so it is concluded, with the rate, capped."""
    verdict = detector(load_classifier(*made())).verify(filmed)
    told = verdict.to_json()["classifier"]
    assert verdict.conclusion is Conclusion.LIKELY_GENERATED
    assert told["p_generated"] > 0.9
    assert (told["abstains"], told["calibrated"], told["likelihood_log10"]) == (False, True, CAP_LOG10)
    assert told["card"]["limits"] == ["Its weights are random."]
    assert 0.007 < told["false_alarm_bound"] < 0.008


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluation__real_clips": 100},
        {"evaluation__false_alarms": 9},
        {"evaluation__generators_unseen": False},
        {"evaluation__sources_unseen": False},
        {"evaluation__threshold": 0.9999},
    ],
)
def test_a_card_that_proves_less_concludes_nothing(
    made: Callable[..., tuple[Path, str]], filmed: Path, changes: dict[str, Any]
) -> None:
    """Too few clips, too many false alarms, or tested on what it was trained on: an estimate, and `no_evidence`."""
    verdict = detector(load_classifier(*made(**changes))).verify(filmed)
    assert verdict.conclusion is Conclusion.NO_EVIDENCE
    assert verdict.classifier is not None
    assert verdict.classifier["p_generated"] > 0.9
    (one,) = (one for one in verdict.evidence if one.source == "classifier")
    assert (one.outcome, one.strength_log10) == (Outcome.NOT_FOUND, 0.0)


def test_an_estimate_of_filmed_is_no_word_for_real(made: Callable[..., tuple[Path, str]], filmed: Path) -> None:
    """However low: the ratio is capped at a tenth, nothing weighs, nothing is concluded."""
    verdict = detector(load_classifier(*made(head(-50.0)))).verify(filmed)
    assert verdict.conclusion is Conclusion.NO_EVIDENCE
    assert verdict.classifier is not None
    assert verdict.classifier["likelihood_log10"] == -CAP_LOG10
    assert "says nothing either way" in verdict.classifier["reason"]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"height_px": 239}, "short side"),
        ({"duration_s": 0.9}, "shorter than"),
        ({"size_bytes": 10}, "bits a pixel"),
        ({"width_px": None}, "short side"),
        ({"size_bytes": None}, "bits a pixel"),
    ],
)
def test_it_abstains_outside_its_range(
    made: Callable[..., tuple[Path, str]], moving: Callable[..., Clip], facts: dict[str, Any], why: str
) -> None:
    """Small, short, squeezed or unknown: no estimate, and the reason."""
    reading = load_classifier(*made()).judge(moving(24, 256, 320), FACTS | facts)
    assert reading.abstains
    assert why in reading.reason
    assert reading.likelihood_log10 == 0.0


def test_it_abstains_on_stills_fragments_and_strangers(
    made: Callable[..., tuple[Path, str]], moving: Callable[..., Clip], tmp_path: Path
) -> None:
    """A still picture, two frames that claim two seconds, and a clip unlike all that it was calibrated on."""
    still = Clip.from_array(np.full((24, 256, 320, 3), 90, np.uint8), 12)
    classifier = load_classifier(*made())
    assert "moves" in classifier.judge(still, FACTS).reason
    assert "too few" in classifier.judge(moving(2, 256, 320), FACTS).reason
    near = head(distances=np.linspace(0, 1e-9, 200).astype(np.float32))
    assert "unlike" in load_classifier(*made(near)).judge(moving(24, 256, 320), FACTS).reason


def test_it_is_not_asked_where_something_speaks(
    made: Callable[..., tuple[Path, str]], filmed: Path, tmp_path: Path
) -> None:
    """A signed clip and a file without pictures get no estimate; their verdicts are what they were."""
    (tmp_path / "no.mp4").write_bytes(b"no clip")
    now = datetime.now(UTC)
    facts = ManifestFacts("Clip", now, 320, 256, Fraction(12), 2.0, (), "a model")
    sign_clip(filmed, tmp_path / "signed.mp4", facts, ephemeral_signer(now))
    judge = detector(load_classifier(*made()))
    expected = {"no.mp4": Conclusion.UNREADABLE, "signed.mp4": Conclusion.SIGNED_UNTRUSTED}
    for name, conclusion in expected.items():
        verdict = judge.verify(tmp_path / name)
        assert verdict.conclusion is conclusion
        assert verdict.classifier is not None
        assert verdict.classifier["abstains"]
        assert any("abstains" in line for line in verdict.limits)


@pytest.mark.parametrize("name", [CARD_FILE, CONFIG_FILE, BACKBONE_FILE, HEAD_FILE])
def test_a_damaged_or_swapped_file_is_refused(made: Callable[..., tuple[Path, str]], name: str) -> None:
    """One flipped byte in any file, or one that is gone: nothing is loaded."""
    folder, digest = made()
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ConfigurationError) as changed:
        read_folder(folder, digest)
    assert changed.value.code == "classifier_changed"
    (folder / name).unlink()
    with pytest.raises(ConfigurationError) as gone:
        read_folder(folder, digest)
    assert gone.value.code == "classifier_missing"


def test_a_pipe_or_device_in_the_folder_is_refused(made: Callable[..., tuple[Path, str]]) -> None:
    """Nothing that could be read without end, or never ends to be waited for, is opened."""
    folder, digest = made()
    for name in (HEAD_FILE, CARD_FILE):
        (folder / name).unlink()
        os.mkfifo(folder / name)
        with pytest.raises(ConfigurationError) as refused:
            read_folder(folder, digest)
        assert refused.value.code == "classifier_missing"


def test_numbers_that_overflow_are_an_abstention(made: Callable[..., tuple[Path, str]], filmed: Path) -> None:
    """A head whose sum is no number any more says nothing, and no verdict holds what JSON can't."""
    wild = np.array([3e38, -3e38] * WIDTH, np.float32)
    far = np.linspace(0, 3e38, 200).astype(np.float32)
    folder, digest = made(head(weight=wild, scale=np.full(2 * WIDTH, 1e-3, np.float32), distances=far))
    verdict = detector(load_classifier(folder, digest)).verify(filmed)
    assert verdict.classifier is not None
    assert verdict.classifier["abstains"]
    json.dumps(verdict.to_json(), allow_nan=False)


def test_another_folder_is_refused_and_an_unpinned_one_named(made: Callable[..., tuple[Path, str]]) -> None:
    """A whole other classifier with digests of its own is not the pinned one; without a pin the hint gives it."""
    _, first = made()
    folder, second = made(head(3.0))
    assert first != second
    with pytest.raises(ConfigurationError) as swapped:
        read_folder(folder, first)
    assert swapped.value.code == "classifier_changed"
    with pytest.raises(ConfigurationError) as unpinned:
        read_folder(folder, None)
    assert (unpinned.value.code, second in unpinned.value.hint) == ("classifier_unpinned", True)


def repinned(folder: Path, name: str, content: bytes) -> str:
    """Another file under a card that names it: what a maker of bad folders would do."""
    (folder / name).write_bytes(content)
    listed = json.loads((folder / CARD_FILE).read_text())
    listed["files"][name] = hashlib.sha256(content).hexdigest()
    written = json.dumps(listed).encode()
    (folder / CARD_FILE).write_bytes(written)
    return hashlib.sha256(written).hexdigest()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (HEAD_FILE, pickle.dumps({"weight": [1.0]})),
        (HEAD_FILE, b"\xff" * 16),
        (BACKBONE_FILE, pickle.dumps({"a": 1})),
        (BACKBONE_FILE, b""),
        (CONFIG_FILE, b"[" * 10_000),
        (CONFIG_FILE, b'{"model_type": "llama"}'),
        (
            CONFIG_FILE,
            b'{"model_type": "dinov2", "hidden_size": 999999999, "num_hidden_layers": 1, "patch_size": 14}',
        ),
    ],
)
def test_a_pinned_folder_of_rubbish_is_a_clear_error(
    made: Callable[..., tuple[Path, str]], name: str, content: bytes
) -> None:
    """Pickles, noise, another model, an endless one: refused with a code, nothing run."""
    folder, _ = made()
    with pytest.raises(ConfigurationError) as refused:
        load_classifier(folder, repinned(folder, name, content))
    assert refused.value.code == "classifier_card"


@pytest.mark.parametrize(
    "changes",
    [
        {"features": 7},
        {"distances": np.zeros(50, np.float32)},
        {"slope": -1.0},
        {"bias": float("nan")},
        {"scale": np.zeros(2 * WIDTH, np.float32)},
    ],
)
def test_a_head_that_does_not_fit_is_refused(
    made: Callable[..., tuple[Path, str]], changes: dict[str, Any]
) -> None:
    """Another width, too few calibration clips, no number, a scale of zero."""
    with pytest.raises(ConfigurationError) as refused:
        load_classifier(*made(head(**changes)))
    assert refused.value.code == "classifier_card"


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "reelproof.classifier/2"},
        {"name": ""},
        {"limits": []},
        {"preparation": "as-they-come"},
        {"range__short_side_px": 100},
        {"range__seconds": 0.1},
        {"evaluation__threshold": 0.4},
        {"evaluation__false_alarms": 500},
        {"evaluation__auroc": "high"},
        {"evaluation__unknown": 1},
        {"training__calibration_generated_share": 1.0},
        {"backbone__kind": "resnet"},
        {"backbone__std": [0.2, 0.0, 0.2]},
    ],
)
def test_a_card_that_says_too_little_or_too_much_is_refused(
    made: Callable[..., tuple[Path, str]], changes: dict[str, Any]
) -> None:
    """Every field is there, known, and possible; ranges only get narrower."""
    with pytest.raises(ConfigurationError) as refused:
        made(**changes)
    assert refused.value.code == "classifier_card"


def parsed(**changes: Any) -> Card:
    files = dict.fromkeys((CONFIG_FILE, BACKBONE_FILE, HEAD_FILE), "0" * 64)
    return card_from(json.dumps({**card(**changes), "files": files}).encode())


def test_no_false_alarm_on_n_clips_proves_about_three_in_n() -> None:
    """The bound is the exact one: 149 clean clips are the fewest that prove 2 %."""
    assert parsed(evaluation__real_clips=400).false_alarm_bound == pytest.approx(3 / 400, rel=0.01)
    assert parsed(evaluation__real_clips=149).false_alarm_bound <= MAX_FALSE_ALARMS
    assert not parsed(evaluation__real_clips=148).may_conclude
    assert parsed(evaluation__real_clips=5, evaluation__false_alarms=5).false_alarm_bound == 1.0


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_ratio_is_freed_of_the_calibration_sets_mix_and_capped(share: float) -> None:
    """An estimate that equals the share of generated clips says nothing; no estimate says more than 10 to 1."""
    found = parsed(training__calibration_generated_share=share)
    assert found.likelihood_log10(share) == pytest.approx(0.0, abs=1e-9)
    assert found.likelihood_log10(1.0) == CAP_LOG10
    assert found.likelihood_log10(0.0) == -CAP_LOG10
