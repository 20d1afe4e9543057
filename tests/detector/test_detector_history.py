"""The credential's history tree: told, drawn with pictures of our own encoding, and inert whatever it holds."""

import base64
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from core.clip import Clip
from core.video import write_clip
from detector.fusion import fuse
from detector.history import History, history_json
from detector.report import render_html
from detector.reportpdf import render_pdf
from detector.sandbox.credential import read_manifest_sandboxed
from detector.sandbox.history import MAX_PICTURES, SIDE_PX, pictures_named, pictures_of_file, pictures_of_store
from detector.service import Detector
from detector.verdict import Verdict
from provenance.history import MAX_DEPTH, MAX_NODES
from provenance.manifest import ClipOrigin, Ingredient, ManifestFacts, Relationship
from provenance.records import CredentialState, ManifestReport
from provenance.repository import MemoryManifestRepository
from provenance.signers import LocalSigner, ephemeral_signer
from provenance.signing import sign_clip
from provenance.store import find_store
from provenance.trust import TrustStore
from watermark.pixel import PixelWatermark

NOW = datetime.now(UTC)
HOSTILE = "</p><script>alert(1)</script>\u202e{{ 7 * 7 }}" + "x" * 10_000
JUDGE = Detector(TrustStore(()), MemoryManifestRepository(), PixelWatermark(), {}, invert_noise="never")


def picture(shade: int, width: int = 320, height: int = 180, suffix: str = ".jpg") -> bytes:
    return bytes(cv2.imencode(suffix, np.full((height, width, 3), shade, np.uint8))[1].tobytes())


class Chain:
    """Signs clips that are made from others."""

    def __init__(self, folder: Path, signer: LocalSigner, plain: Path) -> None:
        self.folder, self.signer, self.plain = folder, signer, plain

    def made(self, name: str, *sources: tuple[Path, str, bytes], thumbnail: bytes = b"") -> Path:
        """A clip signed as an edit of the first source, or as made from nothing."""
        kinds = (Relationship.PARENT, *[Relationship.INPUT] * len(sources))
        given = tuple(
            Ingredient(at, title, kind, shown) for (at, title, shown), kind in zip(sources, kinds, strict=False)
        )
        facts = ManifestFacts(
            title=name, created_at=NOW, width_px=128, height_px=96, fps=Fraction(12), duration_s=2.0, bindings=(),
            model_name="model", thumbnail=thumbnail, ingredients=given,
            origin=ClipOrigin.EDITED if given else ClipOrigin.GENERATED, change="cut" if given else "",
        )  # fmt: skip
        sign_clip(self.plain, self.folder / name, facts, self.signer)
        return self.folder / name


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, moving: Callable[..., Clip]) -> Chain:
    folder = tmp_path_factory.mktemp("history")
    write_clip(moving(), folder / "plain.mp4", crf=30)
    return Chain(folder, ephemeral_signer(NOW), folder / "plain.mp4")


@pytest.fixture(scope="module")
def third(chain: Chain) -> Path:
    """An edit of an edit into which a still picture went."""
    (chain.folder / "still.png").write_bytes(picture(90, suffix=".png"))
    first = chain.made("first.mp4", thumbnail=picture(10))
    second = chain.made(
        "second.mp4",
        (first, "first.mp4", b""),
        (chain.folder / "still.png", HOSTILE, picture(60)),
        thumbnail=picture(20),
    )
    return chain.made("third.mp4", (second, "second.mp4", picture(40)), thumbnail=picture(30))


def shade_of(uri: str) -> tuple[float, tuple[int, int]]:
    """The mean of a data URI's picture, and its size."""
    shown = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))
    return float(np.asarray(shown).mean()), shown.size


def test_a_verdict_tells_the_whole_tree_with_pictures(third: Path) -> None:
    """From the file down to the clip it began with: titles, relations, signers, and pictures made small."""
    told = JUDGE.verify(third).to_json()["history"]
    assert (told["told_by"], told["holds"], told["origin"]) == ("file", True, "generated")
    (second,) = told["ingredients"]
    first, still = second["ingredients"]
    assert [one["title"] for one in (second, first)] == ["second.mp4", "first.mp4"]
    assert (second["relationship"], still["relationship"]) == ("parentOf", "inputTo")
    assert second["signed_by"] == first["signed_by"] is not None
    assert (still["manifest_id"], still["signed_by"], still["ingredients"]) == (None, None, [])
    assert first["failures"] == []
    shades = {}
    for name, one in {"root": told, "second": second, "first": first, "still": still}.items():
        shades[name], size = shade_of(one["thumbnail"])
        assert size == (SIDE_PX, SIDE_PX * 180 // 320)
    # `first` has no picture as an ingredient: its own manifest's stands in.
    assert shades == pytest.approx({"root": 30, "second": 40, "first": 10, "still": 60}, abs=2)


def drawn(verdict: Verdict) -> tuple[str, list[str], list[str]]:
    """The page, its pictures in the tree and all its texts."""
    page = render_html(verdict)
    pictures: list[str] = []
    texts: list[str] = []

    class Seen(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert tag != "script"
            named = dict(attrs)
            if tag == "img" and "keeps of it" in str(named.get("alt")):
                pictures.append(str(named["src"]))

        def handle_data(self, data: str) -> None:
            texts.append(data.strip())

    Seen().feed(page)
    return page, pictures, texts


def test_the_page_draws_the_tree(third: Path) -> None:
    """Every file with its picture, what it is to the one above and whose credential it has; markup is text."""
    page, pictures, texts = drawn(JUDGE.verify(third))
    assert len(pictures) == 4
    assert {"This file", "second.mp4", "first.mp4", "without a credential"} <= set(texts)
    assert any(one.startswith("</p><script>alert(1)</script>{{ 7 * 7 }}xx") for one in texts)
    assert "\u202e" not in page
    assert max(map(len, (one for one in texts if "alert(1)" in one and "schema" not in one))) <= 200
    assert page.count("it is an edit of this") == 2


def test_a_copy_that_lost_its_credential_shows_the_kept_one_s_history(third: Path, make: SimpleNamespace) -> None:
    """The kept store has the same pictures, and the page says whose history it is."""
    report = read_manifest_sandboxed(third, TrustStore(()))
    with third.open("rb") as file:
        store = find_store(file)
    assert store is not None
    pictures = pictures_of_store(store, report)
    assert pictures == pictures_of_file(third, report)
    assert len(pictures) == 4
    found = make.findings(pixel=make.mark(), marked=make.match(), history=History("release", report, pictures))
    _, shown, texts = drawn(fuse(found))
    assert len(shown) == 4
    assert {"The released clip", "What the credential that was found again tells of its history"} <= set(texts)


BOMB = picture(0, 4000, 4000, ".png")
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


@pytest.mark.parametrize(
    "content", [SVG, b"\xff\xd8\xff" + b"\0" * 500, b"GIF89a" + b"\1" * 50, BOMB[:-9], b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_picture_is_left_out(chain: Chain, content: bytes, third: Path) -> None:
    """SVG, rubbish, a kind that is not taken, a picture that breaks off: the tree is told without it."""
    hostile = chain.made("hostile.mp4", (third, "third.mp4", content), thumbnail=content)
    told = JUDGE.verify(hostile).to_json()["history"]
    assert told["thumbnail"] is None
    (one,) = told["ingredients"]
    assert one["thumbnail"] is None
    assert one["ingredients"][0]["thumbnail"] is not None


def test_a_history_without_a_valid_signature_is_told_as_anybodys_word(make: SimpleNamespace) -> None:
    """Page and JSON say that nothing in it is protected."""
    verdict = fuse(make.findings(manifest=make.credential(assertions_intact=False)))
    assert verdict.history is not None
    assert verdict.history["holds"] is False
    assert any("anybody may have written" in one for one in drawn(verdict)[2])
    assert fuse(make.findings()).history is None
    assert fuse(make.findings(manifest=make.broken)).history is None


def deep(levels: int, width: int = 1, title: str = HOSTILE) -> dict[str, Any]:
    """A tree that no honest reader would send."""
    node: dict[str, Any] = {"title": title, "active_manifest": title, "failures": [title] * 99, "thumbnail": title}
    for _ in range(levels):
        node = {**node, "ingredients": [node] * width, "left_out": 3}
    return node


@pytest.mark.parametrize("tree", [deep(1000), deep(12, 2), deep(1, 500), deep(2, 30)])
def test_a_tree_without_end_is_drawn_as_far_as_there_is_room(make: SimpleNamespace, tree: dict[str, Any]) -> None:
    """Whatever the reader sent: bounded JSON, a bounded page, a PDF, all at once."""

    def size(node: Any, level: int = 0) -> tuple[int, int]:
        below = [size(one, level + 1) for one in node["ingredients"]]
        return 1 + sum(one[0] for one in below), max((one[1] for one in below), default=level)

    report = make.credential(ingredients=(tree, "no mapping"))
    assert len(pictures_named(replace(report, thumbnail="a"))) <= MAX_PICTURES
    told = history_json(History("file", report, {"a": b"\xff\xd8"}))
    assert told is not None
    files, levels = size(told)
    assert files <= MAX_NODES + 1
    assert levels <= MAX_DEPTH
    verdict = fuse(make.findings(manifest=report))
    page, pictures, texts = drawn(verdict)
    assert pictures == []
    assert any("more, not shown" in one for one in texts)
    assert len(page) < 1_000_000
    assert render_pdf(verdict).startswith(b"%PDF")


def test_a_report_of_strange_shapes_is_told_all_the_same() -> None:
    """Whatever a child that was taken over sends as ingredients: a tree of plain texts, never a fault."""
    strange: list[dict[str, Any]] = [
        {"failures": 5, "title": ["x"], "ingredients": {"a": 1}, "left_out": "many", "thumbnail": {}},
        {"failures": {"a": 1}, "ingredients": 7, "format": 3, "is_repeated": "yes", "relationship": None},
        {"failures": "text" * 50, "ingredients": [None, 4, {"title": "\x1b[31mred"}]},
    ]
    report = ManifestReport(CredentialState.PRESENT, ingredients=tuple(strange), origin="\x1b]0;x\x07")
    told = history_json(History("file", report))
    assert told is not None
    assert "\x1b" not in str(told)
    assert [len(one["failures"]) for one in told["ingredients"]] == [0, 0, 0]
    assert told["ingredients"][2]["ingredients"][0]["title"] == "[31mred"
