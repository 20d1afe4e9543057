"""The file's own C2PA credential as evidence: there, signed, bound to these bytes, by whom, when, from what."""

from detector.plaintext import plain
from detector.verdict import Evidence, Outcome
from provenance.records import ByteCoverage, CredentialState, ManifestReport, SegmentBinding

_C2PA = "C2PA 2.4 manifest"
_MAX_CODES = 32


def _evidence(source: str, outcome: Outcome, technique: str, says: str, codes: tuple[str, ...] = ()) -> Evidence:
    return Evidence(source, outcome, technique, codes=codes[:_MAX_CODES], detail={"says": says})


def credential_evidence(report: ManifestReport) -> tuple[Evidence, ...]:
    """`manifest`, `signature`, `hard_binding`, `trust`, `time` and `ingredients`, in that order."""
    if report.state is not CredentialState.PRESENT:
        return _without_credential(report)
    return (
        _manifest(report),
        _signature(report),
        _hard_binding(report),
        _trust(report),
        _time(report),
        _ingredients(report),
    )


def _without_credential(report: ManifestReport) -> tuple[Evidence, ...]:
    is_broken = report.state is CredentialState.BROKEN
    problem = f": {plain(report.problem)}" if report.problem else ""
    says = f"A credential is attached but can't be read{problem}." if is_broken else f"No credential{problem}."
    first = _evidence("manifest", Outcome.FAILED if is_broken else Outcome.NOT_FOUND, _C2PA, says)
    why = "the credential can't be read" if is_broken else "there is no credential"
    rest = (
        ("signature", "COSE signature (RFC 9052)"),
        ("hard_binding", "hash over the file's bytes"),
        ("trust", "certificate chain against trust lists"),
        ("time", "RFC 3161 time-stamp"),
        ("ingredients", "credentials of the files it was made from"),
    )
    return (
        first,
        *(_evidence(source, Outcome.NOT_EXAMINED, how, f"Not examined: {why}.") for source, how in rest),
    )


def _manifest(report: ManifestReport) -> Evidence:
    generator = f", written by {plain(report.claim_generator)}" if report.claim_generator else ""
    beside = ", kept in a file beside the clip" if report.is_sidecar else ""
    if report.assertions_intact:
        return _evidence("manifest", Outcome.PASSED, _C2PA, f"A complete credential{generator}{beside}.")
    says = f"The credential's statements were changed after it was signed{generator}."
    return _evidence("manifest", Outcome.FAILED, _C2PA, says, report.failure_codes)


def _signature(report: ManifestReport) -> Evidence:
    how = "COSE signature (RFC 9052), checked twice: C2PA library and our own"
    if report.signature_valid:
        return _evidence("signature", Outcome.PASSED, how, f"The signature of {_signer(report)} is valid.")
    says = "The signature does not hold: nothing the credential says can be relied on."
    return _evidence("signature", Outcome.FAILED, how, says, report.failure_codes)


def _hard_binding(report: ManifestReport) -> Evidence:
    how = "SHA-256 over the file's bytes (C2PA hard binding)"
    if report.segments is not None and report.binding_intact:
        how = "hash tree over the stream's segments (C2PA hard binding)"
        return _evidence("hard_binding", Outcome.PASSED, how, _bound_segments(report.segments))
    if report.binding_intact:
        says = f"Every protected byte is as it was signed.{_hidden(report.coverage)}"
        return _evidence("hard_binding", Outcome.PASSED, how, says)
    says = (
        f"The file's bytes are not those that were signed{': ' + plain(report.problem) if report.problem else ''}."
    )
    return _evidence("hard_binding", Outcome.FAILED, how, says, report.failure_codes)


def _bound_segments(told: SegmentBinding) -> str:
    """Which segments hold, as the stream numbers them."""
    if told.first is None:
        return f"All {told.count} segments are as they were signed."
    last = told.first + told.count - 1
    span = f"number {told.first}" if last == told.first else f"numbers {told.first} to {last}"
    of = f" of {told.total}" if told.total is not None else ""
    return f"Each of these segments ({span}{of}) is as it was signed, and they follow each other."


def _hidden(coverage: ByteCoverage | None) -> str:
    """What stands in the file and is shown to nobody, hashed or not: a sentence, empty where there is nothing."""
    if coverage is None or not coverage.hidden:
        return ""
    count = sum(one.end - one.start for one in coverage.hidden)
    return f" {count:,} bytes in it are shown by no player, in {len(coverage.hidden)} place(s)."


def _trust(report: ManifestReport) -> Evidence:
    how = "certificate chain against dated trust lists"
    if not report.signature_valid:
        return _evidence("trust", Outcome.NOT_EXAMINED, how, "Not examined: the signature does not hold.")
    if report.trust_list is not None:
        dated = f" of {report.trust_list_date}" if report.trust_list_date else ""
        says = f"{_signer(report)} is on the trust list “{report.trust_list}”{dated}."
        return _evidence("trust", Outcome.PASSED, how, says)
    if report.revoked_by is not None:
        says = (
            f"The certificate of {_signer(report)} was taken back (trust list “{report.revoked_by}”), "
            "and no trusted time-stamp shows that it was used before."
        )
        return _evidence("trust", Outcome.WARNING, how, says, report.informational_codes)
    if report.lapsed_trust_list is not None:
        says = (
            f"{_signer(report)} is on the trust list “{report.lapsed_trust_list}”, but the certificate has lapsed "
            "and no trusted time-stamp shows that it was signed before."
        )
        return _evidence("trust", Outcome.WARNING, how, says, report.informational_codes)
    says = f"{_signer(report)} is on none of our trust lists. That alone says nothing against the clip."
    return _evidence("trust", Outcome.WARNING, how, says)


def _time(report: ManifestReport) -> Evidence:
    how = "RFC 3161 time-stamp"
    if report.time_stamped:
        return _evidence("time", Outcome.PASSED, how, f"A time-stamp service confirms {report.signed_at}.")
    claimed = f"; the credential itself says {report.signed_at}" if report.signed_at else ""
    return _evidence("time", Outcome.NOT_FOUND, how, f"No trusted time-stamp{claimed}.")


def _ingredients(report: ManifestReport) -> Evidence:
    how = "credentials of the files it was made from, at any depth"
    if report.ingredient_failures:
        says = "A file it was made from had been changed after its own signing."
        return _evidence("ingredients", Outcome.FAILED, how, says, report.ingredient_failures)
    if not report.ingredients:
        return _evidence("ingredients", Outcome.NOT_FOUND, how, "The credential names no source files.")
    count = len(report.ingredients) + report.ingredients_left_out
    says = f"{count} source file{'s' if count > 1 else ''} named; none fails its own check."
    return _evidence("ingredients", Outcome.PASSED, how, says, report.ingredient_trust_codes)


def _signer(report: ManifestReport) -> str:
    return plain(report.issuer or report.signer or "an unnamed signer")
