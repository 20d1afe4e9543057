"""What people see of the disclosure: a label in the picture, a silent card first; told in the manifest."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.clip import RGB, Clip
from core.errors import ConfigurationError, UsageError
from core.video import open_clip, write_clip
from provenance.reading import read_manifest
from reelproof.disclosure import PROFILES, Visible, visible_of
from reelproof.labelling import disclosed, label_box, labelled, require_letters, with_card
from reelproof.lettering import INSTALLED
from reelproof.releases import SealFacts
from reelproof.settings import Settings
from reelproof.wiring import Services

ROOT = Path(__file__).resolve().parents[2]
TEXT = "AI-generated"


def textured(frames: int = 6, height: int = 120, width: int = 200, fps: int = 12) -> Clip:
    rng = np.random.default_rng(7)
    field = np.kron(rng.integers(60, 200, (height // 20 + 1, width // 20 + 1, 3)), np.ones((20, 20, 1)))
    pictures = [np.roll(field[:height, :width], 2 * i, axis=1) for i in range(frames)]
    return Clip.from_array(np.stack(pictures).astype(np.uint8), Fraction(fps))


def strokes(picture: RGB) -> float:
    """The share of pixels as bright as the letters."""
    return float((picture.min(axis=2) > 225).mean())


@pytest.mark.parametrize("size", [(64, 64), (120, 200), (720, 1280), (1080, 608)])
def test_the_label_stands_in_its_corner_and_nowhere_else(size: tuple[int, int]) -> None:
    """Pixel by pixel: outside its box every frame is as it was; inside it is dark, with bright letters."""
    clip = textured(3, *size)
    before, after = clip.to_array(), labelled(clip, TEXT).to_array()
    rows, columns = label_box(*size, TEXT)
    outside = np.ones(size, bool)
    outside[rows, columns] = False
    assert (before[:, outside] == after[:, outside]).all()
    for was, now in zip(before[:, rows, columns], after[:, rows, columns], strict=True):
        assert 0.03 < strokes(now) < 0.6
        assert np.median(now) < 0.5 * np.median(was)
    assert rows.start > size[0] * 0.7
    assert rows.stop <= size[0]
    assert columns.stop <= size[1]


def test_a_long_text_fits_a_small_picture() -> None:
    """The letters shrink; nothing is cut off at the side."""
    text = "Made by a model of the provider, not filmed"
    clip = textured(1, 96, 96)
    rows, columns = label_box(96, 96, text)
    shown = labelled(clip, text).to_array()[0]
    assert columns.stop <= 96
    assert strokes(shown[rows, columns][:, -2:]) == 0.0


def test_the_card_comes_first_and_the_clip_follows_unchanged() -> None:
    """As many frames as the seconds ask for: dark, with bright letters in the middle; then the clip itself."""
    clip = textured(6)
    shown = with_card(clip, TEXT, 0.5)
    frames, times = shown.to_array(), [one.time_s for one in shown.timed_frames()]
    assert len(frames) == 12
    assert (frames[6:] == clip.to_array()).all()
    assert all((one == frames[0]).all() for one in frames[:6])
    assert np.median(frames[0]) < 40
    assert 0.005 < strokes(frames[0]) < 0.5
    letters = np.argwhere(frames[0].min(axis=2) > 200)
    assert np.allclose(letters.mean(axis=0), [60, 100], atol=8)
    assert times == pytest.approx([i / 12 for i in range(12)])
    assert shown.info.frame_count == 12
    assert shown.info.duration_s == pytest.approx(1.0)


def test_nothing_is_drawn_unless_asked() -> None:
    """No label, no card: the very same clip, no action, no delay."""
    clip = textured(2)
    assert disclosed(clip, Visible()) == (clip, [], 0.0)


@pytest.mark.parametrize("text", ["", "  ", "x" * 81, "a\nb", "a\u200b"])
def test_a_text_that_cannot_be_drawn_is_refused(text: str) -> None:
    """One line of printable letters."""
    with pytest.raises(UsageError):
        Visible(text=text)


def some_font() -> str:
    found = [one for one in INSTALLED if one.is_file()]
    if not found:
        pytest.skip("no font of Debian's is installed here")
    return str(found[-1])


@pytest.mark.parametrize("text", ["Généré par une IA", "Создано ИИ"])
def test_other_scripts_are_written_with_an_installed_font(text: str) -> None:
    """Bright letters in the corner, in the label and on the card; another text is another picture."""
    font = some_font()
    for chosen in (font, None):
        rows, columns = label_box(120, 200, text, chosen)
        shown = labelled(textured(1), text, chosen).to_array()[0]
        assert 0.02 < strokes(shown[rows, columns]) < 0.6
        assert columns.stop <= 200
    card = with_card(textured(2), text, 0.25, font).to_array()[0]
    assert 0.001 < strokes(card) < 0.3
    assert (card != with_card(textured(2), text[::-1], 0.25, font).to_array()[0]).any()


def test_letters_that_no_font_has_are_an_error_that_names_the_remedy(tmp_path: Path) -> None:
    """Never a row of empty boxes: a letter nobody has, a font that lacks one, a file that is no font."""
    (tmp_path / "font.ttf").write_bytes(b"no font at all")
    for text, font in (("\U0001fbf0", some_font()), ("a", str(tmp_path / "font.ttf")), ("\U000e0041x", None)):
        with pytest.raises((ConfigurationError, UsageError)) as caught:
            require_letters(Visible(label=True, text=text, font=font))
        assert "REELPROOF_LABEL_FONT" in str(caught.value.hint) or caught.value.code == "disclosure"


def test_letters_are_asked_for_only_where_something_is_drawn() -> None:
    """A text nobody will see needs no font."""
    require_letters(Visible(text="生成"))


def test_a_law_that_asks_for_a_label_gets_one() -> None:
    """China and India ask for something visible; the EU's and California's marks are hidden ones."""
    drawn = {name: visible_of([name], label=False, card_s=0.0, text=TEXT).label for name in PROFILES}
    assert drawn == {"eu": False, "california": False, "china": True, "india": True}
    assert not visible_of(["china"], label=False, card_s=1.0, text=TEXT).label
    assert set(Settings.model_fields["disclosure_profiles"].annotation.__args__[0].__args__) == set(PROFILES)  # type: ignore[union-attr]


def test_the_page_names_every_field_of_every_profile() -> None:
    """docs/provenance.md has the profiles as the code has them."""
    page = (ROOT / "docs" / "provenance.md").read_text()
    for profile in PROFILES.values():
        assert profile.law in page
        for name, where in profile.fields:
            assert f"{name}: {where}" in page


def with_sound(folder: Path) -> Path:
    """Two seconds of moving picture with a tone."""
    silent, clip = folder / "silent.mp4", folder / "foreign.mp4"
    write_clip(textured(24, 256, 256), silent, crf=20, preset="veryfast")
    with av.open(str(silent)) as source, av.open(str(clip), "w") as output:
        copied = output.add_stream_from_template(source.streams.video[0])
        tone = output.add_stream("aac", rate=16000, layout="mono")
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copied
                output.mux(packet)
        wave = (0.3 * np.sin(np.arange(32000) * 2 * np.pi * 440 / 16000)).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate = 16000
        for packet in (*tone.encode(frame), *tone.encode(None)):
            output.mux(packet)
    return clip


def sound_starts_s(path: Path) -> float:
    with av.open(str(path)) as opened:
        for frame in opened.decode(opened.streams.audio[0]):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()).max(axis=0) > 0.1)
            if len(loud):
                return float(frame.time or 0) + loud[0] / frame.sample_rate
    return float("inf")


def test_a_sealed_clip_shows_what_was_asked_and_says_so(services: Services, tmp_path: Path) -> None:
    """Label and card in the pixels, the sound after the card, both as actions, small pictures in the manifest."""
    foreign, out = with_sound(tmp_path), tmp_path / "sealed.mp4"
    services.pipeline.seal(foreign, out, SealFacts(label=True, card_s=1.0))
    frames, plain = open_clip(out).to_array(), open_clip(foreign).to_array()
    report = read_manifest(out, services.trust)
    assert len(frames) == len(plain) + 12
    assert np.median(frames[0]) < 40
    assert strokes(frames[0]) > 0.003
    rows, columns = label_box(256, 256, TEXT)
    assert strokes(frames[14][rows, columns]) > 0.03 > strokes(plain[2][rows, columns])
    assert sound_starts_s(out) == pytest.approx(sound_starts_s(foreign) + 1.0, abs=0.1)
    names = [one["action"] for one in report.assertions["c2pa.actions.v2"]["actions"]]
    assert names[:4] == ["c2pa.opened", "c2pa.transcoded", "c2pa.addedText", "c2pa.addedText"]
    assert report.is_intact
    assert report.has_thumbnail
    assert report.ingredients[0]["has_thumbnail"]


@pytest.mark.slow
def test_without_being_asked_a_sealed_clip_looks_as_it_came(services: Services, tmp_path: Path) -> None:
    """No label, no card, the sound where it was."""
    foreign, out = with_sound(tmp_path), tmp_path / "sealed.mp4"
    services.pipeline.seal(foreign, out, SealFacts())
    assert open_clip(out).to_array().shape == open_clip(foreign).to_array().shape
    assert sound_starts_s(out) == pytest.approx(sound_starts_s(foreign), abs=0.05)
    actions = read_manifest(out, services.trust).assertions["c2pa.actions.v2"]["actions"]
    assert "c2pa.addedText" not in [one["action"] for one in actions]


def test_settings_label_what_is_generated(services: Services, tmp_path: Path) -> None:
    """With a law chosen that asks for a label, generated clips carry it too."""
    from generator.port import GenerationRequest

    settings = services.settings.model_copy(update={"disclosure_profiles": ("india",)})
    out = tmp_path / "labelled.mp4"
    replace(services.pipeline, settings=settings).generate(
        GenerationRequest("a red ball on a green floor", seed=3), out
    )
    frames = open_clip(out).to_array()
    rows, columns = label_box(*frames.shape[1:3], TEXT)
    assert strokes(frames[len(frames) // 2][rows, columns]) > 0.03
    actions = read_manifest(out, services.trust).assertions["c2pa.actions.v2"]["actions"]
    assert "c2pa.addedText" in [one["action"] for one in actions]
