"""Consent tokens: what a person allowed, as a signed text. Pure: no files, no clock.

A token is a compact JWS (RFC 7515) with EdDSA (RFC 8037), so that any JWT library can check it. Its header is fixed
byte for byte: no other algorithm, key or type is ever considered. It names nobody: the subject is a pseudonym,
HMAC-SHA256 of the folded name under a secret of this installation.
"""

import base64
import binascii
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.canonical import canonical_json
from core.errors import ReelproofError
from policy.codes import Code, meaning
from policy.fold import name_key

NEVER = ("sexual", "minors", "political")
"""What no token can allow, whatever it says."""
PURPOSES = ("personal", "art", "education", "entertainment", "advertising", "news")
MAX_TOKEN_CHARS = 8_192
_HEADER = b'{"alg":"EdDSA","typ":"reelproof-consent+jwt"}'
_ISSUER = "reelproof/consent/1"
_PSEUDONYM_BYTES = 16


class Scope(StrEnum):
    """Who may use a token: the granter alone, named callers, or whoever holds it."""

    SELF = "self"
    NAMED = "named"
    ANYONE = "anyone"


class ConsentRefused(ReelproofError):
    """A token does not allow what was asked; `reason` is the stable reason code (exit 3)."""

    exit_code = 3

    def __init__(self, reason: Code) -> None:
        says = meaning(reason)
        super().__init__(says.reason, code="consent_refused", hint=says.hint)
        self.reason = reason


@dataclass(frozen=True)
class Consent:
    """What one token says. Times are UTC; the token holds from `not_before` until just before `expires`.

    `subjects` are pseudonyms of the person's name and of further spellings. `callers` are those who may use it;
    for the scope `self` the granter alone.
    """

    token_id: str
    subjects: tuple[str, ...]
    scope: Scope
    callers: tuple[str, ...]
    purposes: tuple[str, ...]
    granted_at: datetime
    not_before: datetime
    expires: datetime
    max_uses: int

    def claims(self) -> dict[str, Any]:
        """The token's claims; those of RFC 7519 under their names, times in Unix seconds."""
        return {
            "iss": _ISSUER,
            "jti": self.token_id,
            "sub": self.subjects[0],
            "subjects": list(self.subjects),
            "scope": str(self.scope),
            "callers": list(self.callers),
            "purposes": list(self.purposes),
            "never": list(NEVER),
            "iat": int(self.granted_at.timestamp()),
            "nbf": int(self.not_before.timestamp()),
            "exp": int(self.expires.timestamp()),
            "max_uses": self.max_uses,
        }

    @classmethod
    def of_claims(cls, claims: dict[str, Any]) -> "Consent":
        """The consent behind claims. Raises `ValueError`, `KeyError` or `TypeError` where they are none."""
        if claims["iss"] != _ISSUER:
            raise ValueError("another kind of token")
        lists = {name: claims[name] for name in ("subjects", "callers", "purposes")}
        if not all(isinstance(one, list) and all(isinstance(each, str) for each in one) for one in lists.values()):
            raise TypeError("a list of texts was expected")
        granted, begins, ends = (datetime.fromtimestamp(int(claims[name]), UTC) for name in ("iat", "nbf", "exp"))
        return cls(
            str(claims["jti"]),
            tuple(lists["subjects"]),
            Scope(claims["scope"]),
            tuple(lists["callers"]),
            tuple(lists["purposes"]),
            granted,
            begins,
            ends,
            int(claims["max_uses"]),
        )

    def problem(self, *, caller: str, purpose: str, now: datetime) -> Code | None:
        """Why the token can't be used so, or None. Revocation and use count are the store's to tell."""
        if now < self.not_before:
            return Code.CONSENT_NOT_YET_VALID
        if now >= self.expires:
            return Code.CONSENT_EXPIRED
        if self.scope is not Scope.ANYONE and caller not in self.callers:
            return Code.CONSENT_OTHER_CALLER
        return None if purpose in self.purposes else Code.CONSENT_OTHER_PURPOSE


class ConsentKeys:
    """Signs and reads tokens, and makes pseudonyms. Immutable; thread-safe."""

    def __init__(self, signing_key: Ed25519PrivateKey, pepper: bytes) -> None:
        self._key = signing_key
        self._pepper = pepper

    @classmethod
    def derived_from(cls, secret_key: Ed25519PrivateKey) -> "ConsentKeys":
        """The consent keys that follow from another key of the installation (HKDF-SHA256, own labels)."""
        seed = secret_key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())

        def derived(label: bytes) -> bytes:
            return HKDF(SHA256(), 32, salt=None, info=b"reelproof/consent/1/" + label).derive(seed)

        return cls(Ed25519PrivateKey.from_private_bytes(derived(b"signing")), derived(b"pseudonyms"))

    def pseudonym(self, name: str) -> str:
        """The pseudonym of a name, 32 hex digits; the same for spellings that fold alike."""
        return self.pseudonym_of_key(name_key(name))

    def pseudonym_of_key(self, key: str) -> str:
        """The pseudonym of a name that is folded already."""
        return hmac.new(self._pepper, b"subject\0" + key.encode(), sha256).digest()[:_PSEUDONYM_BYTES].hex()

    def public_jwk(self) -> dict[str, str]:
        """The public key for other programs (RFC 8037)."""
        return {"kty": "OKP", "crv": "Ed25519", "x": _encoded(self._key.public_key().public_bytes_raw())}

    def signed(self, consent: Consent) -> str:
        """The token: base64url(header).base64url(claims).base64url(signature)."""
        signing_input = f"{_encoded(_HEADER)}.{_encoded(canonical_json(consent.claims()))}"
        return f"{signing_input}.{_encoded(self._key.sign(signing_input.encode()))}"

    def read(self, token: str) -> Consent:
        """The consent in a token whose signature holds.

        Raises:
            ConsentRefused: CONSENT_MALFORMED, or CONSENT_NOT_OURS where the signature is not ours.
        """
        parts = token.strip().split(".")
        if len(token) > MAX_TOKEN_CHARS or len(parts) != 3:
            raise ConsentRefused(Code.CONSENT_MALFORMED)
        try:
            header, claims, signature = (_decoded(part) for part in parts)
        except (binascii.Error, ValueError) as error:
            raise ConsentRefused(Code.CONSENT_MALFORMED) from error
        if header != _HEADER:
            raise ConsentRefused(Code.CONSENT_MALFORMED)
        try:
            self._key.public_key().verify(signature, f"{parts[0]}.{parts[1]}".encode())
        except InvalidSignature as error:
            raise ConsentRefused(Code.CONSENT_NOT_OURS) from error
        try:
            return Consent.of_claims(json.loads(claims))
        except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            raise ConsentRefused(Code.CONSENT_MALFORMED) from error


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    """Strict base64url without padding: one text for each content, so that a token can't be varied."""
    content = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    if _encoded(content) != part:
        raise ValueError("not canonical base64url")
    return content
