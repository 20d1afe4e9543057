"""Granting and revoking, on record: the consent desk together with the decision log."""

from typing import TYPE_CHECKING

from core.clock import rfc3339
from core.errors import ReelproofError
from policy.consent_desk import Grant
from policy.consent_store import ConsentRecord

if TYPE_CHECKING:
    from reelproof.wiring import Services


def grant_consent(services: "Services", grant: Grant, by: str) -> tuple[str, ConsentRecord]:
    """A new token, once the grant stands in the log. Raises `UsageError` for what can't be granted.

    A grant that could not be logged is revoked again, and no token is given out.
    """
    token, record = services.consents.grant(grant, granted_by=by)
    one = record.consent
    try:
        services.gate.record(
            "consent-granted",
            one.token_id,
            scope=str(one.scope),
            purposes=list(one.purposes),
            expires=rfc3339(one.expires),
            max_uses=one.max_uses,
            by=by,
        )
    except ReelproofError:
        services.consents.revoke(one.token_id, by="log unavailable")
        raise
    return token, record


def revoke_consent(services: "Services", token_id: str, by: str) -> ConsentRecord:
    """Take a consent back, then log it: a revocation holds even where the log can't take it."""
    record = services.consents.revoke(token_id, by=by)
    services.gate.record("consent-revoked", token_id, by=by)
    return record
