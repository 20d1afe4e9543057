"""The report: complete, self-contained, inert, and in the promised shape."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from core.pictures import jpeg
from detector.disclosure import duties_of
from detector.fusion import fuse
from detector.report import render_fragment, render_html, style, summary_lines
from detector.timeline import regions_of
from detector.verdict import Conclusion, Verdict

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'--></style>{{7*7}}"
KEYS = [
    "schema", "origin", "issuer", "file", "conclusion", "headline", "explanation", "limits", "evidence", "manifest",
    "watermark", "match", "timeline", "regions", "classifier", "parts", "leads",
    "history", "sound",
]  # fmt: skip
SCHEMA = Path(__file__).parents[2] / "docs" / "verdict.schema.json"


class Page(HTMLParser):
    """Collects the tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, text: str) -> None:
        self.text.append(text)


def verdicts(make: SimpleNamespace) -> list[Verdict]:
    """One verdict of every conclusion this release can reach."""
    return [
        fuse(make.findings(manifest=make.credential())),
        fuse(make.findings(pixel=make.mark(), marked=make.match())),
        fuse(make.findings(manifest=make.credential(binding_intact=False))),
        fuse(make.findings(pixel=make.mark(), marked=make.match(0.05))),
        fuse(make.findings(manifest=make.credential(trust_list=None))),
        fuse(make.findings()),
        fuse(make.findings(fault=make.unreadable)),
        fuse(make.findings(pixel=make.mark(), marked=make.match(), sound=make.heard("replaced"))),
    ]


@pytest.fixture
def hostile(make: SimpleNamespace) -> Verdict:
    """A verdict in which every text that a stranger can choose is markup."""
    kept = make.credential(issuer=HOSTILE, claim_generator=HOSTILE, signed_at=HOSTILE)
    report = make.credential(
        issuer=HOSTILE, signer=HOSTILE, claim_generator=HOSTILE, manifest_id=HOSTILE, problem=HOSTILE,
        assertions={HOSTILE: HOSTILE}, failure_codes=(HOSTILE,), binding_intact=False, signed_at=HOSTILE,
    )  # fmt: skip
    return fuse(
        make.findings(
            manifest=report,
            pixel=make.mark(),
            marked=make.match(credential=kept, edits=(HOSTILE,)),
            tags={"AIGC": json.dumps({"Label": "1", "ContentProducer": HOSTILE})},
        )
    )


def test_markup_in_a_file_stays_text(hostile: Verdict) -> None:
    """Titles, names and codes with script in them are shown as text and never run."""
    page = Page(render_html(hostile))
    assert "script" not in page.tags
    assert not any(name.startswith("on") for _, name, _ in page.attributes)
    assert "alert(1)" in " ".join(page.text)
    assert "49" not in page.text


def test_the_page_needs_and_loads_nothing(hostile: Verdict) -> None:
    """No script, no outside address: everything is inside, and the page forbids itself anything else."""
    picture = jpeg(np.zeros((9, 16, 3), np.uint8))
    html = render_html(hostile, thumbnails=[picture])
    page = Page(html)
    addresses = [value for _, name, value in page.attributes if name in ("src", "href", "srcset", "action")]
    assert addresses
    assert all(address.startswith("data:") for address in addresses)
    assert "@import" not in html
    assert "url(" not in html
    assert "default-src 'none'" in html
    assert base64.b64encode(picture).decode() in html


def test_the_json_in_the_page_is_the_verdict(hostile: Verdict) -> None:
    """The download on the page is the verdict, byte for byte what the API would answer."""
    uri = next(value for _, name, value in Page(render_html(hostile)).attributes if name == "href")
    assert json.loads(base64.b64decode(uri.split(",", 1)[1])) == json.loads(json.dumps(hostile.to_json()))


def test_every_page_says_all_of_its_verdict(make: SimpleNamespace) -> None:
    """Headline, reasons, evidence with technique, and limits all stand on the page, in words."""
    for verdict in verdicts(make):
        text = re.sub(r"\s+", " ", " ".join(Page(render_html(verdict)).text))
        for wanted in (verdict.headline, *verdict.explanation, *verdict.limits):
            assert re.sub(r"\s+", " ", wanted) in text
        for one in verdict.evidence:
            assert one.technique in text


def test_a_fragment_is_the_same_article(make: SimpleNamespace) -> None:
    """What other pages embed is the report's own article, styled by rules under one class."""
    verdict = verdicts(make)[0]
    fragment = render_fragment(verdict)
    assert fragment.strip().startswith("<article") or "<article" in fragment
    assert "<html" not in fragment
    for rule in re.findall(r"(?:^|[}{])\s*([.#a-z][^{};]*)\{", style(), re.M):
        assert all(part.strip().startswith(".rp") for part in rule.split(",")), rule


def test_colour_is_never_the_only_sign(make: SimpleNamespace) -> None:
    """Every card has a word and a shape for its outcome; drawings have labels or are hidden from readers."""
    for verdict in verdicts(make):
        page = Page(render_html(verdict))
        drawings = [attrs for attrs in page.tags if attrs == "svg"]
        labelled = [
            name for tag, name, _ in page.attributes if tag == "svg" and name in ("aria-hidden", "aria-label")
        ]
        assert len(drawings) == len(labelled)


def test_summary_lines_fit_a_terminal(make: SimpleNamespace, hostile: Verdict) -> None:
    """Plain lines of at most 100 characters with the conclusion first and the limits last."""
    for verdict in (*verdicts(make), hostile):
        lines = summary_lines(verdict)
        assert all(len(line) <= 100 and line.isprintable() for line in lines)
        assert verdict.headline.split()[0] in lines[1]
        assert "What this does not say" in lines


def test_json_has_the_promised_keys_in_order(make: SimpleNamespace, hostile: Verdict) -> None:
    """`reelproof.verdict/1`: exactly these keys, in this order, plain JSON without NaN."""
    for verdict in (*verdicts(make), hostile):
        content = verdict.to_json()
        assert list(content) == KEYS
        assert content["schema"] == "reelproof.verdict/1"
        json.dumps(content, allow_nan=False)
        assert set(content["watermark"]) == {"pixel", "noise"}
        for mark in content["watermark"].values():
            assert {"found", "content_id", "p_value", "false_positive_rate", "geometry"} <= set(mark)


def test_the_schema_file_holds_for_every_conclusion(make: SimpleNamespace, hostile: Verdict) -> None:
    """docs/verdict.schema.json accepts what we say, and names every conclusion and source."""
    jsonschema = pytest.importorskip("jsonschema", reason="the JSON Schema validator is not installed")
    schema = json.loads(SCHEMA.read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for verdict in (*verdicts(make), hostile):
        validator.validate(json.loads(json.dumps(verdict.to_json())))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(verdicts(make)[0].to_json() | {"conclusion": "authentic"})


def test_the_schema_file_names_what_the_code_knows(make: SimpleNamespace) -> None:
    """Conclusions, sources and keys of the schema are those of the code."""
    schema = json.loads(SCHEMA.read_text())
    assert schema["required"] == KEYS
    assert schema["properties"]["conclusion"]["enum"] == [str(one) for one in Conclusion]
    sources = [one.source for one in verdicts(make)[0].evidence]
    assert schema["$defs"]["evidence"]["properties"]["source"]["enum"] == sources


def test_the_report_shows_what_was_done(make: SimpleNamespace) -> None:
    """The map with its outline, the pictures of the release, and the edits stand in the page of an altered copy."""
    match = make.match(0.8, inspection=make.inspection("replaced"), edits=("a part of the picture replaced",))
    found = make.findings(pixel=make.mark(), marked=match, regions=regions_of(None, match), tamper_searched=True)
    picture = jpeg(np.zeros((16, 16, 3), np.uint8))
    html = render_html(fuse(found), [picture], [picture, picture])
    assert "What was done to it" in html
    assert 'class="outline"' in html
    assert "As it was released" in html
    assert "Does not say" in html
    assert 'class="outline"' not in render_html(fuse(make.findings()), [picture])


def test_the_sound_has_a_lane_of_its_own(make: SimpleNamespace) -> None:
    """Page, terminal and JSON tell the sound second by second, beside the pictures; uncompared, none does."""
    block = {"start_s": 0.0, "end_s": 1.5, "state": "marked", "p_value": 1e-9}
    found = make.findings(pixel=make.mark(), marked=make.match(), timeline=(block,), sound=make.heard("replaced"))
    verdict = fuse(found)
    html = render_html(verdict)
    assert 'class="a-replaced"' in html
    assert "1.0-1.5 s: other sound (p 0.4 that an unrelated sound is so like it)" in html
    assert "Sound along the clip: the released sound for 1.0 s; other sound for 0.5 s" in summary_lines(verdict)
    assert verdict.sound is not None
    assert [one["state"] for one in verdict.sound["stretches"]] == ["same", "replaced"]
    silent = fuse(make.findings(pixel=make.mark(), marked=make.match(), timeline=(block,)))
    assert silent.sound is None
    assert 'class="a-' not in render_html(silent)


def test_disclosure_is_told_field_by_field(make: SimpleNamespace) -> None:
    """A signed, marked, time-stamped clip meets the European duty; a bare clip owes nothing that we could tell."""
    assert duties_of(fuse(make.findings())) == ()
    whole = make.credential(time_stamped=True, signed_at="2026-11-20T12:00:00Z")
    signed = {one.law: one.outcome for one in duties_of(fuse(make.findings(manifest=whole)))}
    assert signed["EU AI Act, Article 50(2)"] == "partly"
    assert signed["California SB 942 and AB 853, latent disclosure"] == "met"
    assert signed["China GB 45438-2025, AIGC tag"] == "missing"
    tagged = make.findings(tags={"AIGC": '{"Label":"1","ContentProducer":"A","ProduceID":"B"}'})
    assert {one.law: one.outcome for one in duties_of(fuse(tagged))}["China GB 45438-2025, AIGC tag"] == "met"


def test_a_broken_credential_discloses_nothing(make: SimpleNamespace) -> None:
    """What no longer holds meets no duty."""
    broken = make.credential(binding_intact=False, time_stamped=True, signed_at="2026-11-20T12:00:00Z")
    verdict = fuse(make.findings(manifest=broken, pixel=make.mark(), marked=make.match()))
    outcomes = {one.law: one.outcome for one in duties_of(verdict)}
    assert outcomes["California SB 942 and AB 853, latent disclosure"] == "missing"
