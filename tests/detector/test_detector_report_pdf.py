"""The report to print: whole, inert, the same each time."""

import re
import zlib
from base64 import a85decode
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from detector.fusion import fuse
from detector.reportpdf import render_pdf
from detector.verdict import Conclusion, Verdict


def words_in(pdf: bytes) -> bytes:
    """Every content stream of a PDF, unpacked."""
    streams = re.findall(rb"stream\r?\n(.*?)\s*endstream", pdf, re.DOTALL)
    found = b""
    for one in streams:
        try:
            found += zlib.decompress(a85decode(b"<~" + one, adobe=True) if one.rstrip().endswith(b"~>") else one)
        except (zlib.error, ValueError):
            continue  # a picture, kept as it is
    return found


def picture() -> bytes:
    return cv2.imencode(".jpg", np.full((90, 160, 3), 120, np.uint8))[1].tobytes()


def some_verdict(make: SimpleNamespace) -> Verdict:
    return fuse(make.findings(pixel=make.mark(), marked=make.match(), timeline=(make.foreign_stretch(),)))


def test_every_kind_of_verdict_gives_pages(make: SimpleNamespace) -> None:
    """Whatever was found, pages come out, with and without pictures."""
    kinds = (
        make.findings(),
        make.findings(fault=make.unreadable),
        make.findings(manifest=make.credential()),
        make.findings(manifest=make.broken, parts=make.two_parts(), pixel=make.mark(), marked=make.match()),
        make.findings(pixel=make.mark(), marked=make.match(inspection=make.inspection())),
    )
    for one in kinds:
        assert render_pdf(fuse(one)).startswith(b"%PDF-")
    assert len(render_pdf(some_verdict(make), [picture()] * 6, [picture()])) > len(render_pdf(some_verdict(make)))


def test_the_same_verdict_gives_the_same_bytes(make: SimpleNamespace) -> None:
    """No time of day, no random name stands in the file."""
    assert render_pdf(some_verdict(make), [picture()]) == render_pdf(some_verdict(make), [picture()])


@pytest.mark.parametrize(
    "name", ["<b>bold</b><font size=90>", "</para><img src='/etc/passwd'/>", "影像 & Söhne\x00", "&lt;" * 500]
)
def test_a_stranger_s_words_stay_words(make: SimpleNamespace, name: str) -> None:
    """Markup, letters the font lacks and names of any length are drawn as text; nothing is loaded."""
    verdict = fuse(make.findings(manifest=make.credential(issuer=name, claim_generator=name)))
    assert verdict.conclusion is Conclusion.VERIFIED
    pdf = render_pdf(verdict)
    assert not re.search(rb"/(JavaScript|JS|Launch|URI|OpenAction|EmbeddedFile)\b", pdf)


def test_a_very_long_verdict_runs_over_pages(make: SimpleNamespace) -> None:
    """Hundreds of codes and sources break over pages instead of failing."""
    sources = tuple({"title": "x" * 200, "relationship": "inputTo", "format": "video/mp4"} for _ in range(200))
    pdf = render_pdf(fuse(make.findings(manifest=make.credential(ingredients=sources))))
    assert len(re.findall(rb"/Type /Page\b", pdf)) >= 3


def test_a_compared_sound_is_drawn_below_the_pictures(make: SimpleNamespace) -> None:
    """One more bar and its words; a verdict without a comparison has neither."""
    found = make.findings(pixel=make.mark(), marked=make.match(), timeline=(make.foreign_stretch(),))
    verdict = fuse(replace(found, sound=make.heard("replaced")))
    assert words_in(render_pdf(verdict)).count(b" re") > words_in(render_pdf(fuse(found))).count(b" re")
    assert verdict.conclusion is Conclusion.ALTERED


def test_the_words_are_in_it(make: SimpleNamespace) -> None:
    """Text is drawn as text with an embedded font, not as a picture."""
    pdf = render_pdf(some_verdict(make))
    assert b"Vera" in pdf
    assert b"Tj" in words_in(pdf)
