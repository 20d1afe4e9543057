"""Genuine credentials of other makers: read rightly, and never taken for fakes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.detector_vendors import EXPECTED, detector, wrong_in
from detector.sandbox.credential import read_manifest_sandboxed
from detector.verdict import Conclusion
from provenance.trust import TrustStore

TOLD = json.loads(EXPECTED.read_text())


@pytest.mark.slow
@pytest.mark.clips
@pytest.mark.parametrize("wanted", TOLD["credentials"], ids=lambda one: one["file"].split("/")[-1])
def test_a_maker_s_credential_is_read_as_it_stands_there(shared_folder: Path, wanted: dict[str, str]) -> None:
    """Issuer, source type, time and the list that vouches are those of the credential, and it is `verified`."""
    path = shared_folder / wanted["file"]
    report = read_manifest_sandboxed(path, TrustStore.default())
    verdict = detector().verify(path)
    assert wrong_in(report, verdict, wanted, TOLD["source_type"]) == []
    assert any(wanted["list"] in line for line in verdict.limits), "the list and its date stand in the limits"


@pytest.mark.slow
@pytest.mark.clips
def test_without_the_lists_a_maker_s_credential_is_still_no_fake(shared_folder: Path) -> None:
    """With no list at all every genuine credential is `signed_untrusted`: said so, nothing held against it."""
    bare = replace(detector(), trust=TrustStore(()))
    for wanted in TOLD["credentials"][3:6]:
        assert bare.verify(shared_folder / wanted["file"]).conclusion is Conclusion.SIGNED_UNTRUSTED
