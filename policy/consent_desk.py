"""The consent desk: grants, revokes, and says whether a token covers a request, when it is asked and at release.

How a token meets a request, without any name leaving this module:
    1. the token is read; signature, dates, caller, purpose, revocation and use count are checked
    2. names in the request's texts whose pseudonym is a subject of the token, and which are no part of a longer
       name, are replaced by a neutral word
    3. the filter decides on the rest: whoever is still found there is not covered
A refusal whose reasons consent can't lift (sexual, minors, political, violence, deception) stays as it is.
"""

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.clock import Clock
from core.errors import UsageError
from policy.codes import Code, meaning
from policy.consent import NEVER, PURPOSES, Consent, ConsentKeys, ConsentRefused, Scope
from policy.consent_store import ConsentRecord, ConsentStore
from policy.decision import Decision, Outcome, PolicyInput
from policy.fold import Token, name_key, tokens_of, without_apostrophes

LIFTED = frozenset(
    {
        Code.PUBLIC_FIGURE,
        Code.PRIVATE_PERSON,
        Code.PRIVATE_PERSON_WITH_REFERENCE,
        Code.REFERENCE_NEEDS_CONSENT,
        Code.REFERENCE_FACE,
        Code.REFERENCE_CAMERA_ORIGIN,
    }
)
"""The reasons that a valid token of that very person lifts. All others stand."""
MAX_DAYS, MAX_USES = 366, 1_000
_PERSONS = frozenset({int(Code.PUBLIC_FIGURE), int(Code.PRIVATE_PERSON), int(Code.PRIVATE_PERSON_WITH_REFERENCE)})
_PERSON_KINDS = frozenset({"living", "dead", "historical", "private"})
_SOMEBODY = "a person"
_MAX_NAME_WORDS = 6
_MAX_LABEL_CHARS = 80
_CALLER = re.compile(r"[A-Za-z0-9_.:@-]{1,64}")


@dataclass(frozen=True)
class Grant:
    """What a granter allows. `name` and `aliases` are forgotten once their pseudonyms are made."""

    name: str
    aliases: tuple[str, ...] = ()
    scope: Scope = Scope.SELF
    callers: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ("personal",)
    days: int = 30
    max_uses: int = 10
    not_before: datetime | None = None
    label: str = ""


@dataclass(frozen=True)
class ConsentUse:
    """Which consent a decision rests on, as the log entry carries it."""

    token_id: str
    scope: str
    purpose: str

    def to_json(self) -> dict[str, str]:
        """Token ID, scope and purpose; never a name or the token."""
        return {"token_id": self.token_id, "scope": self.scope, "purpose": self.purpose}


class ConsentDesk:
    """Everything about consents of one installation. Thread-safe."""

    def __init__(self, keys: ConsentKeys, store: ConsentStore, clock: Clock) -> None:
        self._keys = keys
        self._store = store
        self._clock = clock

    @property
    def keys(self) -> ConsentKeys:
        """Signs and reads tokens."""
        return self._keys

    def grant(self, grant: Grant, *, granted_by: str) -> tuple[str, ConsentRecord]:
        """A new token and its record; the token is shown once and kept nowhere.

        Raises:
            UsageError: a name of one word or none, a purpose nobody can allow, dates or counts that can't be.
        """
        now = self._clock.now()
        _check_grant(grant)
        names = [grant.name, *grant.aliases]
        callers = (granted_by,) if grant.scope is Scope.SELF else grant.callers
        begins = grant.not_before or now
        consent = Consent(
            f"ct_{secrets.token_hex(12)}",
            tuple(dict.fromkeys(self._keys.pseudonym(name) for name in names)),
            grant.scope,
            () if grant.scope is Scope.ANYONE else callers,
            tuple(dict.fromkeys(grant.purposes)),
            now.replace(microsecond=0),
            begins.replace(microsecond=0),
            (begins + timedelta(days=grant.days)).replace(microsecond=0),
            grant.max_uses,
        )
        self._store.put(consent, label=grant.label, granted_by=granted_by)
        return self._keys.signed(consent), self.show(consent.token_id)

    def show(self, token_id: str) -> ConsentRecord:
        """One consent. Raises `UsageError` where there is none of this ID."""
        record = self._store.get(token_id)
        if record is None:
            raise UsageError(
                "there is no consent with this ID", code="no_consent", hint="`reelproof consent list` shows them"
            )
        return record

    def all(self) -> list[ConsentRecord]:
        """Every consent, newest first."""
        return self._store.all()

    def revoke(self, token_id: str, *, by: str) -> ConsentRecord:
        """Take a consent back, from now on and for all who hold the token. Revoking twice is revoking once."""
        self._store.revoke(token_id, now=self._clock.now(), by=by)
        return self.show(token_id)

    def weigh(
        self,
        request: PolicyInput,
        decision: Decision,
        decide: Callable[[PolicyInput], Decision],
        request_id: str,
    ) -> tuple[Decision, ConsentUse | None]:
        """The decision once the request's token is looked at, and the consent it rests on, its use counted.

        A token that can't be accepted refuses the request, needed or not: it is never ignored in silence.
        """
        try:
            consent = self._keys.read(request.consent_token or "")
        except ConsentRefused as refused:
            return _refused(decision, [refused.reason]), None
        problem = consent.problem(
            caller=request.caller, purpose=request.purpose, now=self._clock.now()
        ) or self._store.problem(consent, request_id)
        if problem is not None:
            return _refused(decision, [problem]), None
        if decision.outcome is Outcome.ALLOW or not LIFTED.issuperset(decision.codes):
            return decision, None
        covered = self._covered(request, decision, consent, decide)
        if covered.outcome is not Outcome.ALLOW:
            return covered, None
        problem = self._store.use(consent, request_id, self._clock.now())
        if problem is not None:
            return _refused(decision, [problem]), None
        return covered, ConsentUse(consent.token_id, str(consent.scope), request.purpose)

    def require(self, token_id: str, request_id: str) -> None:
        """Check at release that a consent still holds for a request that used it.

        Raises:
            ConsentRefused: it was revoked or has expired meanwhile, or was never used for this request.
        """
        record = self._store.get(token_id)
        if record is None:
            raise ConsentRefused(Code.CONSENT_NOT_OURS)
        if record.revoked_at:
            raise ConsentRefused(Code.CONSENT_REVOKED)
        if self._clock.now() >= record.consent.expires:
            raise ConsentRefused(Code.CONSENT_EXPIRED)
        problem = self._store.problem(record.consent, request_id)
        if problem is not None:
            raise ConsentRefused(problem)

    def _covered(
        self, request: PolicyInput, decision: Decision, consent: Consent, decide: Callable[[PolicyInput], Decision]
    ) -> Decision:
        """The decision on the request with the token's subject taken out of texts and references."""
        texts = {field: self._without(text, consent.subjects, decide) for field, text in request.texts.items()}
        # A reference stays a reference for the table; what the token covers is the face in it.
        bare = tuple(replace(one, faces=0, is_camera_origin=False) for one in request.references)
        rest = decide(replace(request, texts=texts, references=bare, consent_token=None))
        if rest.outcome is not Outcome.ALLOW:
            others = [Code.CONSENT_OTHER_SUBJECT] if _PERSONS & set(rest.codes) else []
            return _refused(rest, others) if others else rest
        says = meaning(Code.CONSENT_GIVEN)
        return replace(
            decision,
            outcome=Outcome.ALLOW,
            codes=(int(Code.CONSENT_GIVEN), *rest.codes),
            categories=tuple(dict.fromkeys((says.category, *rest.categories))),
            reasons=(says.reason, *rest.reasons),
            rules=tuple(sorted({*decision.rules, "consent"})),
        )

    def _without(self, text: str, subjects: Iterable[str], decide: Callable[[PolicyInput], Decision]) -> str:
        """The text with every spelling of a subject replaced, where it stands as whole words and no longer name."""
        wanted, plain = frozenset(subjects), without_apostrophes(text)
        tokens = tokens_of(plain)
        spans: list[tuple[int, int]] = []
        start = 0
        while start < len(tokens):
            for end in range(min(start + _MAX_NAME_WORDS, len(tokens)), start, -1):
                key = " ".join(token.text for token in tokens[start:end])
                if self._keys.pseudonym_of_key(key) in wanted:
                    if _stands_alone(plain, tokens, start, end, decide):
                        spans.append((tokens[start].start, tokens[end - 1].end))
                    start = end - 1
                    break
            start += 1
        for begin, stop in reversed(spans):
            plain = plain[:begin] + _SOMEBODY + plain[stop:]
        return plain if spans else text


def _stands_alone(
    plain: str, tokens: list[Token], start: int, end: int, decide: Callable[[PolicyInput], Decision]
) -> bool:
    """Whether the words at [start, end) are not part of a longer name: "Ann Lee" is not "Mary Ann Lee".

    A capitalised neighbour makes one, and so does a neighbour with which the filter finds somebody else.
    """

    def persons(first: int, last: int) -> frozenset[str]:
        found = decide(PolicyInput({"prompt": plain[tokens[first].start : tokens[last].end]})).spans
        return frozenset(found) & _PERSON_KINDS

    is_cased = all(token.is_capitalised for token in tokens[start:end])
    alone = persons(start, end - 1)
    if start and _is_joined(plain, tokens[start - 1], tokens[start]):
        left = tokens[start - 1]
        is_first = start == 1 or not _is_joined(plain, tokens[start - 2], left)
        if is_cased and left.is_capitalised and not is_first:
            return False
        pair = f"{plain[left.start : left.end]} {plain[tokens[end - 1].start : tokens[end - 1].end]}"
        if is_cased and is_first and left.is_capitalised and _names_somebody(pair, decide):
            return False
        if persons(start - 1, end - 1) != alone:
            return False
    if end < len(tokens) and _is_joined(plain, tokens[end - 1], tokens[end]):
        return not (is_cased and tokens[end].is_capitalised) and persons(start, end) == alone
    return True


def _names_somebody(words: str, decide: Callable[[PolicyInput], Decision]) -> bool:
    return bool(_PERSON_KINDS.intersection(decide(PolicyInput({"prompt": words})).spans))


def _is_joined(plain: str, one: Token, following: Token) -> bool:
    """Whether only blanks or hyphens stand between two words."""
    return not plain[one.end : following.start].strip(" \t-\u2010\u2011\u00a0")


def _refused(decision: Decision, reasons: list[Code]) -> Decision:
    """The decision turned into a refusal for these reasons, those of an earlier refusal after them."""
    codes = [int(code) for code in reasons]
    codes += [code for code in decision.codes if decision.outcome is not Outcome.ALLOW and code not in codes]
    says = [meaning(code) for code in codes]
    return replace(
        decision,
        outcome=Outcome.REFUSE,
        codes=tuple(codes),
        categories=tuple(dict.fromkeys(one.category for one in says)),
        reasons=tuple(dict.fromkeys(one.reason for one in says)),
    )


def _check_grant(grant: Grant) -> None:
    barred = [purpose for purpose in grant.purposes if purpose in NEVER]
    if barred:
        raise _wrong(f"nobody can consent to {barred[0]} content here", f"choose among {', '.join(PURPOSES)}")
    if not grant.purposes or not set(grant.purposes) <= set(PURPOSES):
        raise _wrong("a consent names what it is for", f"choose among {', '.join(PURPOSES)}")
    for name in (grant.name, *grant.aliases):
        if not name_key(name) or name_key(name).count(" ") >= _MAX_NAME_WORDS:
            raise _wrong("a name has between one and six words", "write it as prompts will spell it")
    if not 1 <= grant.days <= MAX_DAYS or not 1 <= grant.max_uses <= MAX_USES:
        raise _wrong("a consent ends", f"give 1 to {MAX_DAYS} days and 1 to {MAX_USES} uses")
    if (grant.scope is Scope.NAMED) != bool(grant.callers):
        raise _wrong("callers go with the scope `named`, and only with it", "name the callers, or choose `self`")
    if not all(_CALLER.fullmatch(caller) for caller in grant.callers):
        raise _wrong("a caller is one word of letters and digits", "use `local` or a key's first 16 hex digits")
    if len(grant.label) > _MAX_LABEL_CHARS:
        raise _wrong("the label is too long", f"use at most {_MAX_LABEL_CHARS} characters")


def _wrong(message: str, hint: str) -> UsageError:
    return UsageError(message, code="consent_grant", hint=hint)
