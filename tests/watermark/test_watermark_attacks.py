"""The watermark bench measures what it says: its attacks, its cells, its intervals, its tail."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bench.watermark import cells, frames, times
from bench.watermark.attacks import ATTACKS, GROUPS, IDENTITY, QUICK, seeded
from bench.watermark.clips import bench_clips, synthetic
from bench.watermark.fidelity import csf_weights, fidelity, weighted_error
from bench.watermark.figures import clopper_pearson, rate, target_rows
from bench.watermark.security import autocorrelation_peak
from bench.watermark.tail import SIDE, THRESHOLDS, field_of, spectra_of, statistics
from core.clip import Clip

SMALL = synthetic(3, 12, 96)


@pytest.mark.parametrize(
    "name", [a.name for a in ATTACKS.values() if a.group in ("valuemetric", "geometric", "combined")]
)
def test_changes_of_pictures_keep_count_and_tell_their_size(name: str) -> None:
    """A change of pictures keeps every frame's time, and its clip says the size that its frames have."""
    changed = ATTACKS[name].change(SMALL, seeded("small", name))
    shown = list(changed.timed_frames())
    assert [f.time_s for f in shown] == [f.time_s for f in SMALL.timed_frames()]
    assert {f.rgb.shape for f in shown} == {(changed.info.height_px, changed.info.width_px, 3)}


@pytest.mark.parametrize("name", ["noise sigma 25", "perspective 0.5", "drop 50 %", "camera re-capture"])
def test_an_attack_is_the_same_whenever_it_is_made(name: str) -> None:
    """Random attacks depend on the clip's and the attack's names only, and on both."""
    first, again, other = (
        ATTACKS[name].change(SMALL, seeded(clip, name)).to_array() for clip in ("one", "one", "other")
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_suite_names_its_groups_and_its_quick_part() -> None:
    """Every attack belongs to a group of the report, and the quick run's attacks exist."""
    assert {attack.group for attack in ATTACKS.values()} == set(GROUPS)
    assert set(QUICK) <= set(ATTACKS)


def test_every_attack_but_the_identity_ends_in_a_file() -> None:
    """What is read was written by an encoder, as every copy in the world was."""
    assert [a.name for a in ATTACKS.values() if not a.chain] == [IDENTITY.name]


@pytest.mark.parametrize("name", ["x265 CRF 40", "VP9 CRF 55", "AV1 CRF 60", "drop 50 %", "speed 1.25"])
def test_an_encoded_clip_is_read_back_whole(name: str, tmp_path: Path) -> None:
    """Every encoder gives back as many frames as it was given."""
    attack = ATTACKS[name]
    wanted = len(list(attack.change(SMALL, seeded("small", name)).frames()))
    assert len(list(attack.apply(SMALL, "small", tmp_path).frames())) == wanted


def test_speed_changes_times_and_no_picture() -> None:
    """A clip played 1.25 times as fast shows the same pictures, each at 0.8 of its time."""
    fast = times.speed(Fraction(5, 4))(SMALL, seeded("any"))
    assert np.array_equal(fast.to_array(), SMALL.to_array())
    assert [f.time_s for f in fast.timed_frames()] == pytest.approx([f.time_s * 0.8 for f in SMALL.timed_frames()])


def test_forty_percent_of_the_rate_is_forty_percent_of_the_frames() -> None:
    """60 to 24: two of five frames stay, evenly timed, none repeated."""
    slow = times.rate(Fraction(2, 5))(Clip.from_array(np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
                                                      .repeat(3, 3), 10), seeded("any"))  # fmt: skip
    assert [int(f[0, 0, 0]) for f in slow.frames()] == [0, 2, 5, 7]


def test_half_the_frames_are_dropped_and_the_rest_keep_their_times() -> None:
    """Dropping repeats nothing and moves nothing."""
    whole = synthetic(3, 60, 32)
    kept = [f.time_s for f in times.dropped(0.5)(whole, seeded("any")).timed_frames()]
    assert set(kept) <= {f.time_s for f in whole.timed_frames()}
    assert 15 <= len(kept) <= 45


def test_perspective_keeps_the_picture_inside_the_frame() -> None:
    """RandomPerspective pulls corners inwards by at most a quarter of a side."""
    matrix = frames.corner_pull(SMALL, 0.5, seeded("any"))
    corners = matrix @ np.array([[0, 95, 95, 0], [0, 0, 95, 95], [1, 1, 1, 1]], float)
    x, y = corners[:2] / corners[2]
    assert np.all((x > -0.01) & (x < 95.01) & (y > -0.01) & (y < 95.01))
    assert x[0] <= 24.01
    assert x[1] >= 70.99


def test_the_kept_clip_is_the_marked_clip(tmp_path: Path) -> None:
    """The cache that every attack starts from is without loss."""
    kept = cells.keep_lossless(SMALL, tmp_path / "kept.mp4")
    assert np.array_equal(kept.to_array(), SMALL.to_array())


def test_a_line_cut_short_costs_one_cell(tmp_path: Path) -> None:
    """An interrupted write loses its own cell and no other; the next line stands on its own."""
    path = tmp_path / "cells.jsonl"
    base = {"clip": "a", "alg": cells.CODEC.alg}
    cells.append_cell(path, base | {"attack": "one"})
    with path.open("a") as file:
        file.write('{"clip": "a", "atta')
    cells.append_cell(path, base | {"attack": "two"})
    assert [c["attack"] for c in cells.read_cells(path)] == ["one", "two"]


def test_cells_of_another_codec_are_made_again(tmp_path: Path) -> None:
    """A cell counts only for the codec that made it."""
    path = tmp_path / "cells.jsonl"
    path.write_text(json.dumps({"clip": "a", "attack": "one", "alg": "another"}) + "\n")
    assert cells.read_cells(path) == []


def test_a_cell_reads_what_was_marked(tmp_path: Path) -> None:
    """The whole way of one cell: mark, keep, attack, read, judge, write down."""
    path = tmp_path / "cells.jsonl"
    cells.run_clip("discs 0", ["identity", "x264 CRF 23"], path, tmp_path)
    made = cells.read_cells(path)
    assert [c["attack"] for c in made] == ["identity", "x264 CRF 23"]
    assert all(c["exact"] and not c["wrong_id"] and c["p_value"] <= 1e-6 for c in made)
    assert made[0]["fidelity"]["psnr_db"] >= 43.9
    assert (tmp_path / "discs-0.png").exists()


def test_clips_have_names_of_their_own() -> None:
    """Cells are kept by clip name: no two clips share one."""
    names = [clip.name for clip in bench_clips()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("hits", "tries", "low", "high"), [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (5, 10, 0.1871, 0.8129)])  # fmt: skip  # noqa: E501
def test_intervals_are_clopper_and_pearsons(hits: int, tries: int, low: float, high: float) -> None:
    """Known values of the exact binomial interval (95 %)."""
    assert clopper_pearson(hits, tries) == pytest.approx((low, high), abs=1e-4)


def test_an_exact_payload_above_the_threshold_does_not_count() -> None:
    """A right ID at p > 1e-6, or a cell that failed, is no recovery."""
    good = {"exact": True, "p_value": 1e-9, "kind": "720p+", "attack": "x264 CRF 40", "group": "compression"}
    made = [good, good | {"p_value": 1e-5}, {k: v for k, v in good.items() if k != "p_value"}]
    assert rate(made).hits == 1
    assert target_rows(made)[0]["reached"] is False
    assert target_rows([good])[0]["reached"] is True
    assert target_rows([])[0]["reached"] is None


def test_the_eye_weighs_mid_frequencies_most() -> None:
    """The sensitivity peaks near 8 cycles per degree with 1: coarse and fine noise weigh less, no noise nothing."""
    assert csf_weights(240, 240)[:, 0].max() <= 1.0
    x = np.arange(240, dtype=np.float32)[None].repeat(240, 0)
    fine, middle = (np.sin(2 * np.pi * f * x).astype(np.float32) for f in (0.45, 8 / 60))
    assert weighted_error(middle) > 5 * weighted_error(fine)
    assert weighted_error(middle) == pytest.approx(0.5, rel=0.05)
    assert weighted_error(np.zeros((8, 8), np.float32)) == 0.0


def test_a_steady_mark_does_not_flicker(tmp_path: Path) -> None:
    """On a still picture a standing mark has no flicker; one that turns its sign every frame has its own size."""
    still = np.full((6, 64, 64, 3), 100, np.uint8)
    turning = still.copy()
    turning[::2] += 2
    steady = fidelity(Clip.from_array(still, 12), Clip.from_array(still + np.uint8(2), 12), tmp_path / "a.png")
    flickering = fidelity(Clip.from_array(still, 12), Clip.from_array(turning, 12), tmp_path / "b.png")
    assert steady["flicker_levels"] == 0.0
    assert flickering["flicker_levels"] == pytest.approx(2 / np.sqrt(2), abs=0.01)


def test_wrong_key_statistics_are_standard_normal() -> None:
    """Over random planes of signs, the correlations of a real field have mean 0, deviation 1, and a Gaussian share
    above 3."""
    field = field_of(synthetic(2, 12, 432))
    rng = np.random.default_rng(5)
    planes = [rng.choice(np.float32([-1, 1]), (SIDE, SIDE)) for _ in range(20)]
    spectrum = np.fft.rfft2(field).astype(np.complex64)[None]
    values = np.stack([next(statistics(spectrum, plane)) for plane in planes])
    assert abs(values.mean()) < 0.01
    assert values.std() == pytest.approx(1.0, abs=0.02)
    assert np.mean(values >= THRESHOLDS[0]) == pytest.approx(1.35e-3, rel=0.15)


def test_a_still_clip_gives_no_statistics() -> None:
    """A field of zeros would only add zeros to the count: it is left out of the tail."""
    still = Clip.from_array(synthetic(2, 1, 128).to_array().repeat(24, 0), 24)
    assert len(spectra_of([still, synthetic(2, 12, 128)])) == 1


def test_a_tiled_pattern_is_seen_by_its_period() -> None:
    """What the self-period attack looks for it finds, in a pattern that repeats."""
    tile = np.random.default_rng(1).standard_normal((64, 80)).astype(np.float32)
    z, (row, column) = autocorrelation_peak(np.tile(tile, (4, 4)))
    assert z > 20
    assert row % 64 == 0
    assert column % 80 == 0
