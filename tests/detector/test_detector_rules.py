"""The table from findings to a conclusion, row by row, and the laws that hold over all of it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.findings import Findings
from detector.fusion import fuse
from detector.report import render_html
from detector.rules import RULES, deciding_rule
from detector.signals import signals_of
from detector.verdict import Conclusion, Verdict
from provenance.records import SoftBinding
from watermark.payload import Payload

Case = Callable[[SimpleNamespace], Findings]


def _binding(make: SimpleNamespace, content_id: int) -> SoftBinding:
    return SoftBinding(make.ALG, Payload(1, content_id).to_bytes())


# rule name, conclusion, and findings that make it apply
CASES: list[tuple[str, Case]] = [
    ("verified", lambda m: m.findings(manifest=m.credential())),
    ("verified", lambda m: m.findings(manifest=m.credential(origin="captured"))),
    ("verified", lambda m: m.findings(manifest=m.credential(origin="edited"))),
    (
        "verified",
        lambda m: m.findings(
            manifest=m.credential(bindings=(_binding(m, 7),)), pixel=m.mark(7), marked=m.match(0.97)
        ),
    ),
    # A trusted editor worked on one of ours: both stories fit.
    ("verified", lambda m: m.findings(manifest=m.credential(origin="edited"), pixel=m.mark(), marked=m.match())),
    (
        "verified",
        # The file is that very release; a comparison too plain to tell takes nothing from intact bytes.
        lambda m: m.findings(
            manifest=m.credential(manifest_id="urn:c2pa:kept", bindings=(_binding(m, 7),)),
            pixel=m.mark(),
            marked=m.match(0.1),
        ),
    ),
    ("two_marks", lambda m: m.findings(pixel=m.mark(7), noise=m.mark(8, m.NOISE_ALG))),
    (
        "two_marks",
        lambda m: m.findings(manifest=m.credential(), pixel=m.mark(7), noise=m.mark(8, m.NOISE_ALG)),
    ),
    (
        "two_marks",
        lambda m: m.findings(
            pixel=m.mark(7), noise=m.mark(7, m.NOISE_ALG, payload=None, short_id=0xDEADBEEF), marked=m.match()
        ),
    ),
    ("camera_with_mark", lambda m: m.findings(manifest=m.credential(origin="captured"), pixel=m.mark())),
    (
        "camera_with_mark",
        lambda m: m.findings(
            manifest=m.credential(origin="captured", trust_list=None), pixel=m.mark(), marked=m.match()
        ),
    ),
    (
        "camera_with_mark",
        lambda m: m.findings(manifest=m.credential(origin="captured", binding_intact=False), pixel=m.mark()),
    ),
    (
        "other_mark_in_credential",
        lambda m: m.findings(
            manifest=m.credential(bindings=(_binding(m, 8),), binding_intact=False),
            pixel=m.mark(7),
            marked=m.match(),
        ),
    ),
    ("another_maker", lambda m: m.findings(manifest=m.credential(), pixel=m.mark(), marked=m.match())),
    ("copied_mark", lambda m: m.findings(pixel=m.mark(), marked=m.match(0.05))),
    (
        "copied_mark",
        lambda m: m.findings(pixel=m.mark(), marked=m.match(0.97, differing_bindings=("org.example.noise.1",))),
    ),
    (
        "copied_mark",
        lambda m: m.findings(
            manifest=m.credential(trust_list=None, origin="unknown"), pixel=m.mark(), marked=m.match(0.05)
        ),
    ),
    ("revoked", lambda m: m.findings(manifest=m.credential(trust_list=None, revoked_by="reelproof"))),
    ("signature_broken", lambda m: m.findings(manifest=m.credential(signature_valid=False))),
    ("bytes_changed", lambda m: m.findings(manifest=m.credential(binding_intact=False))),
    (
        "bytes_changed",
        # The frames look alike and the mark is there: the hard binding still decides.
        lambda m: m.findings(
            manifest=m.credential(binding_intact=False, bindings=(_binding(m, 7),)),
            pixel=m.mark(),
            marked=m.match(0.99),
        ),
    ),
    (
        "bytes_changed",
        lambda m: m.findings(manifest=m.credential(binding_intact=False), fault=m.unreadable),
    ),
    (
        "bytes_changed_untrusted",
        lambda m: m.findings(manifest=m.credential(binding_intact=False, trust_list=None)),
    ),
    ("statements_changed", lambda m: m.findings(manifest=m.credential(assertions_intact=False))),
    (
        "ingredient_changed",
        lambda m: m.findings(manifest=m.credential(ingredient_failures=("assertion.bmffHash.mismatch",))),
    ),
    ("recovered", lambda m: m.findings(pixel=m.mark(), marked=m.match())),
    ("recovered", lambda m: m.findings(noise=m.mark(7, m.NOISE_ALG), marked=m.match())),
    (
        "recovered",
        # A mark with little room carries the first 32 bits of the same ID: they agree.
        lambda m: m.findings(
            pixel=m.mark(7), noise=m.mark(7, m.NOISE_ALG, payload=None, short_id=7 >> 24), marked=m.match()
        ),
    ),
    ("recovered", lambda m: m.findings(alike=m.match(found_by=("fingerprint",)))),
    ("recovered", lambda m: m.findings(manifest=m.broken, pixel=m.mark(), marked=m.match())),
    (
        "recovered",
        lambda m: m.findings(manifest=m.credential(signature_valid=False), pixel=m.mark(), marked=m.match()),
    ),
    (
        "recovered",
        # Somebody unknown signed the copy of one of ours: ours is the better story, theirs is mentioned.
        lambda m: m.findings(manifest=m.credential(trust_list=None), pixel=m.mark(), marked=m.match()),
    ),
    (
        "parts_replaced",
        lambda m: m.findings(pixel=m.mark(), marked=m.match(), timeline=(m.foreign_stretch(),)),
    ),
    (
        "region_replaced",
        lambda m: m.findings(pixel=m.mark(), marked=m.match(0.5, inspection=m.inspection("replaced"))),
    ),
    (
        "recovered",
        # Place by place the pictures agree: a caption upsets the fingerprint, not the answer.
        lambda m: m.findings(pixel=m.mark(), marked=m.match(0.5, inspection=m.inspection("caption"))),
    ),
    ("sound_replaced", lambda m: m.findings(pixel=m.mark(), marked=m.match(), sound=m.heard("replaced"))),
    (
        "sound_replaced",
        lambda m: m.findings(alike=m.match(found_by=("fingerprint",)), sound=m.heard("replaced")),
    ),
    # What was only taken away, put where nothing was, or moved is told, and makes no clip altered.
    ("recovered", lambda m: m.findings(pixel=m.mark(), marked=m.match(), sound=m.heard("removed"))),
    ("recovered", lambda m: m.findings(pixel=m.mark(), marked=m.match(), sound=m.heard("shifted"))),
    (
        "recovered",
        lambda m: m.findings(pixel=m.mark(), marked=m.match(), sound=m.heard("added", release_has_sound=False)),
    ),
    (
        "region_replaced",
        lambda m: m.findings(
            pixel=m.mark(), marked=m.match(0.5, inspection=m.inspection("replaced")), sound=m.heard("replaced")
        ),
    ),
    # A trusted credential with intact bytes stands before any comparison.
    ("verified", lambda m: m.findings(manifest=m.credential(origin="edited"), sound=m.heard("replaced"))),
    ("joined", lambda m: m.findings(pixel=m.mark(), marked=m.match(0.5), parts=m.two_parts())),
    (
        "joined",
        lambda m: m.findings(manifest=m.credential(trust_list=None), pixel=m.mark(), parts=m.two_parts()),
    ),
    ("joined_by_pictures", lambda m: m.findings(parts=m.parts_by_pictures())),
    ("joined_by_pictures", lambda m: m.findings(pixel=m.mark(), marked=m.match(), parts=m.parts_by_pictures())),
    ("verified", lambda m: m.findings(manifest=m.credential(), parts=m.parts_by_pictures())),
    (
        "verified",
        # A trusted signer who declares the mark vouches for having joined the parts.
        lambda m: m.findings(
            manifest=m.credential(bindings=(_binding(m, 7),)), pixel=m.mark(7), parts=m.two_parts()
        ),
    ),
    ("lapsed", lambda m: m.findings(manifest=m.credential(trust_list=None, lapsed_trust_list="c2pa-interim"))),
    ("signed_untrusted", lambda m: m.findings(manifest=m.credential(trust_list=None))),
    ("mark_unconfirmed", lambda m: m.findings(pixel=m.mark(), marked=m.match(0.4))),
    (
        "mark_unconfirmed",
        lambda m: m.findings(
            pixel=m.mark(), marked=m.match(similarity=m.likeness(0.0, is_conclusive=False, agrees=False))
        ),
    ),
    (
        "mark_unconfirmed",
        lambda m: m.findings(pixel=m.mark(), marked=m.match(credential=m.credential(signature_valid=False))),
    ),
    ("mark_without_record", lambda m: m.findings(pixel=m.mark())),
    ("credential_unreadable", lambda m: m.findings(manifest=m.broken)),
    ("nothing_found", lambda m: m.findings()),
    ("nothing_found", lambda m: m.findings(classifier=m.estimate(calls_generated=False))),
    ("nothing_found", lambda m: m.findings(classifier=m.estimate(False, p_generated=None))),
    ("likely_generated", lambda m: m.findings(classifier=m.estimate())),
    (
        "likeness_unconfirmed",
        lambda m: m.findings(alike=m.match(0.5, found_by=("fingerprint",)), classifier=m.estimate()),
    ),
    ("credential_unreadable", lambda m: m.findings(manifest=m.broken, classifier=m.estimate())),
    ("likeness_unconfirmed", lambda m: m.findings(alike=m.match(0.5, found_by=("fingerprint",)))),
    ("likeness_unconfirmed", lambda m: m.findings(alike=m.match(0.7, found_by=("fingerprint",)))),
    ("nothing_found", lambda m: m.findings(tags={"AIGC": '{"Label":"1"}'})),
    ("unreadable", lambda m: m.findings(fault=m.unreadable)),
    ("unreadable", lambda m: m.findings(fault=m.unreadable, manifest=m.broken)),
    ("unreadable", lambda m: m.findings(fault=m.unreadable, manifest=m.credential())),
]


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{i}-{name}" for i, (name, _) in enumerate(CASES)])
def test_each_row_of_the_table_decides_its_cases(make: SimpleNamespace, name: str, case: Case) -> None:
    """The findings of a case are decided by the row that is meant for them."""
    found = case(make)
    rule = deciding_rule(signals_of(found))
    assert rule.name == name
    assert fuse(found).conclusion is rule.conclusion


def test_every_row_has_a_case() -> None:
    """No row of the table stands untested, and names are unique."""
    assert {rule.name for rule in RULES} == {name for name, _ in CASES}
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_every_rule_rests_on_known_sources(make: SimpleNamespace) -> None:
    """A row may only rest on evidence that exists."""
    sources = {one.source for one in fuse(make.findings()).evidence}
    assert {source for rule in RULES for source in rule.rests_on} <= sources


# ---- laws over all combinations ------------------------------------------------------------------------------

CREDENTIALS: list[Callable[[SimpleNamespace], Any]] = [
    lambda m: m.absent,
    lambda m: m.broken,
    lambda m: m.credential(),
    lambda m: m.credential(origin="captured"),
    lambda m: m.credential(bindings=(_binding(m, 7),)),
    lambda m: m.credential(trust_list=None),
    lambda m: m.credential(trust_list=None, lapsed_trust_list="c2pa-interim"),
    lambda m: m.credential(binding_intact=False),
    lambda m: m.credential(signature_valid=False),
    lambda m: m.credential(assertions_intact=False),
    lambda m: m.credential(ingredient_failures=("x",)),
]
MARKS: list[Callable[[SimpleNamespace], dict[str, Any]]] = [
    lambda m: {},
    lambda m: {"pixel": m.mark()},
    lambda m: {"pixel": m.mark(), "marked": m.match()},
    lambda m: {"pixel": m.mark(), "marked": m.match(0.4)},
    lambda m: {"pixel": m.mark(), "marked": m.match(0.05)},
    lambda m: {"pixel": m.mark(), "marked": m.match(), "timeline": (m.foreign_stretch(),)},
    lambda m: {"alike": m.match(found_by=("fingerprint",))},
    lambda m: {"pixel": m.mark(), "marked": m.match(0.5, inspection=m.inspection("replaced"))},
    lambda m: {"pixel": m.mark(), "marked": m.match(0.5), "parts": m.two_parts()},
    lambda m: {"pixel": m.mark(), "marked": m.match(), "sound": m.heard("replaced")},
]
COMBINATIONS = list(product(range(len(CREDENTIALS)), range(len(MARKS)), (False, True)))

#: How much a conclusion claims for a clip. Finding nothing more may never raise it.
CLAIM = {
    Conclusion.VERIFIED: 3,
    Conclusion.RECOVERED: 2,
    Conclusion.SIGNED_UNTRUSTED: 1,
}


def _combined(make: SimpleNamespace, combination: tuple[int, int, bool]) -> Findings:
    credential, marks, is_unreadable = combination
    changes = {"manifest": CREDENTIALS[credential](make), **MARKS[marks](make)}
    if is_unreadable:
        changes = {"manifest": changes["manifest"], "fault": make.unreadable}
    found: Findings = make.findings(**changes)
    return found


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_words_stay_honest(make: SimpleNamespace, combination: tuple[int, int, bool]) -> None:
    """No headline says real or authentic; a missing answer says in words that it means nothing either way."""
    verdict = fuse(_combined(make, combination))
    words = verdict.headline.lower().replace("really", "")
    for forbidden in ("real", "authentic", "fake", "true"):
        assert forbidden not in words
    assert verdict.headline == verdict.headline.strip()
    assert "{" not in verdict.headline + " ".join(verdict.explanation)
    if verdict.conclusion is Conclusion.NO_EVIDENCE:
        assert "does not mean that the clip is real" in " ".join(verdict.explanation)
    if verdict.conclusion is Conclusion.SIGNED_UNTRUSTED:
        assert "says nothing against the clip" in " ".join(verdict.explanation)
    assert any("SynthID" in line for line in verdict.limits)
    assert any("sound" in line for line in verdict.limits)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_only_an_intact_trusted_credential_verifies(
    make: SimpleNamespace, combination: tuple[int, int, bool]
) -> None:
    """`verified` never comes from a mark, a likeness, a stranger's signature or a file that can't be decoded."""
    found = _combined(make, combination)
    verdict = fuse(found)
    if verdict.conclusion is Conclusion.VERIFIED:
        assert found.manifest.is_intact
        assert found.manifest.trust_list is not None
        assert found.is_decodable
        assert not found.manifest.ingredient_failures


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_an_issuer_is_only_named_where_a_list_vouches(
    make: SimpleNamespace, combination: tuple[int, int, bool]
) -> None:
    """The `issuer` of a verdict is never a name that a stranger gave himself; a conflict names nobody."""
    found = _combined(make, combination)
    verdict = fuse(found)
    if verdict.issuer is not None:
        report = found.manifest
        own = report.signature_valid and (report.trust_list or report.lapsed_trust_list)
        kept = found.match is not None and found.match.content_agrees and found.match.credential.trust_list
        assert own or kept
    if verdict.conclusion in (Conclusion.CONFLICT, Conclusion.NO_EVIDENCE, Conclusion.UNREADABLE):
        assert verdict.issuer is None
        assert verdict.origin == "unknown"


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_looking_in_vain_never_strengthens(make: SimpleNamespace, combination: tuple[int, int, bool]) -> None:
    """One more look that finds nothing leaves conclusion, origin and issuer as they were."""
    found = _combined(make, combination)
    before, after = fuse(found), fuse(replace(found, noise=make.no_mark(make.NOISE_ALG), fingerprint_searched=True))
    assert (before.conclusion, before.origin, before.issuer) == (after.conclusion, after.origin, after.issuer)
    assert sum(one.strength_log10 for one in after.evidence) <= sum(one.strength_log10 for one in before.evidence)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_a_classifier_has_the_least_say(make: SimpleNamespace, combination: tuple[int, int, bool]) -> None:
    """Whatever it says, it changes a conclusion only where nothing at all was found; never a name or an origin."""
    found = _combined(make, combination)
    before, after = fuse(found), fuse(replace(found, classifier=make.estimate()))
    if (before.conclusion, deciding_rule(signals_of(found)).name) == (Conclusion.NO_EVIDENCE, "nothing_found"):
        assert after.conclusion is Conclusion.LIKELY_GENERATED
    else:
        assert after.conclusion is before.conclusion
    assert (before.origin, before.issuer) == (after.origin, after.issuer)
    silent = fuse(replace(found, classifier=make.estimate(calls_generated=False)))
    assert silent.conclusion is before.conclusion


def test_the_limits_say_whether_the_sound_was_compared(make: SimpleNamespace) -> None:
    """Either it was, or the reason why not; and what nothing could be told of."""
    assert "The sound was not studied: there is no release here to compare it with." in fuse(make.findings()).limits
    copy = make.findings(pixel=make.mark(), marked=make.match(), sound=make.heard("removed"))
    assert "The sound was compared with the release's." in fuse(copy).limits
    (said,) = (one for one in fuse(replace(copy, sound=make.heard("unclear"))).limits if "sound was" in one)
    assert "for 0.5 s nothing can be told" in said


def test_likely_generated_comes_with_its_error_rate(make: SimpleNamespace) -> None:
    """How often it was wrong stands in the explanation, that it is no proof too, and the card on the page."""
    verdict = fuse(make.findings(classifier=make.estimate()))
    said = " ".join(verdict.explanation)
    assert "0 generated (so at most 0.8 %, at 95 % confidence)" in said
    assert "no proof" in said
    assert verdict.origin == "unknown"
    (one,) = (one for one in verdict.evidence if one.source == "classifier")
    assert one.strength_log10 == 1.0
    assert "60 sources" in render_html(verdict)


@pytest.mark.parametrize("credential", range(len(CREDENTIALS)))
def test_a_foreign_mark_never_raises_a_claim(make: SimpleNamespace, credential: int) -> None:
    """Laying a copied mark over a clip can only lower what is claimed for it."""
    bare = make.findings(manifest=CREDENTIALS[credential](make))
    pasted = replace(bare, pixel=make.mark(), marked=make.match(0.05))
    assert CLAIM.get(fuse(pasted).conclusion, 0) <= CLAIM.get(fuse(bare).conclusion, 0)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_a_credential_of_other_pictures_is_not_shown(
    make: SimpleNamespace, combination: tuple[int, int, bool]
) -> None:
    """Where the pictures are not the release's, its credential is not shown as this clip's."""
    verdict = fuse(_combined(make, combination))
    if verdict.match is not None and not verdict.match["content_agrees"]:
        assert verdict.match["credential"] is None
        assert "Kept Studio" not in verdict.headline


def test_fusion_is_pure(make: SimpleNamespace) -> None:
    """The same findings give the same verdict, word for word."""
    found = make.findings(pixel=make.mark(), marked=make.match())
    assert fuse(found).to_json() == fuse(found).to_json()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(issuer=st.text(max_size=400), generator=st.text(max_size=400))
def test_strangers_names_stay_short_plain_text(make: SimpleNamespace, issuer: str, generator: str) -> None:
    """Names from a file never break the sentence they stand in: one line, bounded, placeholders inert."""
    verdict: Verdict = fuse(make.findings(manifest=make.credential(issuer=issuer, claim_generator=generator)))
    for line in (verdict.headline, *verdict.explanation):
        assert "\n" not in line
        assert len(line) < 900


def test_braces_in_a_name_stay_text(make: SimpleNamespace) -> None:
    """A signer called {kept_issuer} is quoted, not filled in."""
    verdict = fuse(make.findings(manifest=make.credential(issuer="{kept_issuer}")))
    assert "{kept_issuer}" in verdict.headline
