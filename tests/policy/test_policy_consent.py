"""Rules of consent: who may be shown, by whose leave, for how long, and never for what."""

import base64
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from core.clock import FixedClock
from core.errors import ConfigurationError, RequestRefused, UsageError
from policy.codes import Code
from policy.consent import NEVER, PURPOSES, ConsentKeys, ConsentRefused, Scope
from policy.consent_desk import ConsentDesk, Grant
from policy.consent_store import ConsentStore
from policy.decision import Outcome, PolicyInput, ReferenceFacts
from policy.filter import PolicyFilter
from policy.gate import LoggedDecision, PolicyGate
from policy.log import DecisionLog

OpenLog = Callable[[], DecisionLog]
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEYS = ConsentKeys.derived_from(Ed25519PrivateKey.from_private_bytes(b"\x09" * 32))
SINGER = "Taylor Swift"


class House:
    """A desk and a gate over one folder, with a clock that can be moved."""

    def __init__(self, folder: Path, log: DecisionLog, policy_filter: PolicyFilter) -> None:
        self.clock = FixedClock(NOON)
        self.log = log
        self.desk = ConsentDesk(KEYS, ConsentStore(folder / "consents.db"), self.clock)
        self.gate = PolicyGate(policy_filter, log, folder / "vault", self.clock, self.desk)

    def token(self, name: str = SINGER, **more: object) -> str:
        return self.desk.grant(Grant(name, **more), granted_by="local")[0]  # type: ignore[arg-type]

    def ask(self, prompt: str, token: str | None, request_id: str | None = None, **more: object) -> LoggedDecision:
        asked = PolicyInput({"prompt": prompt}, consent_token=token, **more)  # type: ignore[arg-type]
        return self.gate.decide(asked, request_id=request_id)


@pytest.fixture
def house(tmp_path: Path, open_log: OpenLog, policy_filter: PolicyFilter) -> House:
    return House(tmp_path, open_log(), policy_filter)


def codes(logged: LoggedDecision) -> list[int]:
    return list(logged.decision.codes)


def test_a_listed_person_with_a_token_is_allowed_and_the_log_says_by_which(house: House) -> None:
    """The same prompt is refused without and allowed with the token; the entry carries token ID and scope."""
    token, record = house.desk.grant(Grant(SINGER), granted_by="local")
    assert house.ask("Taylor Swift on a beach", None).decision.outcome is Outcome.REFUSE
    logged = house.ask("Taylor Swift on a beach", token)
    assert logged.decision.outcome is Outcome.ALLOW
    assert int(Code.CONSENT_GIVEN) in codes(logged)
    entry = house.log.entry(logged.log_index)
    assert entry["consent_use"] == {"token_id": record.consent.token_id, "scope": "self", "purpose": "personal"}
    assert token not in json.dumps(entry)


def test_neither_token_nor_store_nor_log_holds_the_name(house: House, tmp_path: Path) -> None:
    """A name leaves only its pseudonym behind."""
    token = house.token(aliases=("Tay Tay",))
    house.ask("Taylor Swift on a beach", token)
    claims = base64.urlsafe_b64decode(token.split(".")[1] + "==")
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "vault" not in path.parts]
    for content in [claims, *kept]:
        assert b"swift" not in content.lower()
        assert b"tay tay" not in content.lower()


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("Taylor Swift nude on a beach", Code.LIKENESS_SEXUAL),
        ("Taylor Swift as a little child of six years", Code.LIKENESS_MINORS),
        ("Taylor Swift announces a fake election result on the news", Code.LIKENESS_DECEPTION),
    ],
)
def test_no_token_lifts_what_nobody_can_consent_to(house: House, prompt: str, code: Code) -> None:
    """Sexual content, minors and political deception stay refused, for that very reason."""
    logged = house.ask(prompt, house.token())
    assert logged.decision.outcome is Outcome.REFUSE
    assert int(code) in codes(logged)


def test_a_token_covers_its_own_subject_only(house: House) -> None:
    """Somebody else, and somebody else beside the subject, are refused as another subject."""
    token = house.token()
    for prompt in ("Tom Hanks on a beach", "Taylor Swift and Tom Hanks on a beach"):
        logged = house.ask(prompt, token)
        assert logged.decision.outcome is Outcome.REFUSE
        assert int(Code.CONSENT_OTHER_SUBJECT) in codes(logged)


def test_spellings_that_fold_alike_and_named_aliases_are_the_same_person(house: House) -> None:
    """Case, possessives and an alias given at the desk count; another spelling does not."""
    token = house.token(aliases=("T. Swift",), max_uses=50)
    for prompt in ("taylor swift's new house", "TAYLOR SWIFT waves", "Taylor-Swift waves"):
        assert house.ask(prompt, token).decision.outcome is Outcome.ALLOW, prompt
    assert house.ask("Taylor Swfit on a beach", token).decision.outcome is Outcome.REFUSE


@pytest.mark.parametrize(
    ("granted", "prompt"),
    [
        ("Swift", "Taylor Swift sings on a stage"),
        ("Swift", "we see taylor swift on a stage"),
        ("Taylor", "a portrait of Taylor Swift"),
        ("Martin Luther", "Martin Luther King speaks"),
        ("Martin Luther", "a speech of martin luther king"),
        ("Ann Lee", "we see Mary Ann Lee in the garden"),
        ("Ann Lee", "Mary Ann Lee waves"),
        ("Ann Lee", "a garden with Ann Lee Miller"),
    ],
)
def test_a_token_does_not_cover_a_longer_name(house: House, granted: str, prompt: str) -> None:
    """Whose name is a part of somebody else's has no say over that other person."""
    before = house.ask(prompt, None).decision.outcome
    assert before is not Outcome.ALLOW
    assert house.ask(prompt, house.token(granted)).decision.outcome is not Outcome.ALLOW


@pytest.mark.parametrize(
    "prompt",
    ["Marlene Oberhauser", "In the garden, Marlene Oberhauser waves.", "Portrait of Marlene Oberhauser, smiling",
     "marlene oberhauser and a dog", "two friends: Marlene Oberhauser; a dog"],
)  # fmt: skip
def test_a_covered_name_is_covered_wherever_it_stands(house: House, prompt: str) -> None:
    """At the start, at the end, after a comma, in lower case."""
    assert house.ask(prompt, house.token("Marlene Oberhauser")).decision.outcome is Outcome.ALLOW


def test_a_private_person_with_a_token_needs_no_review(house: House) -> None:
    """A private full name waits for review without, and passes with the person's token."""
    prompt = "Marlene Oberhauser waters the plants"
    assert house.ask(prompt, None).decision.outcome is Outcome.REVIEW
    assert house.ask(prompt, house.token("Marlene Oberhauser")).decision.outcome is Outcome.ALLOW


def test_dates_uses_and_revocation_have_their_own_codes(house: House) -> None:
    """Too early, too late, used up and taken back each refuse with the code that says so."""
    early = house.token(not_before=NOON + timedelta(days=1), days=2)
    assert codes(house.ask("Taylor Swift waves", early))[0] == Code.CONSENT_NOT_YET_VALID
    once = house.token(max_uses=1)
    assert house.ask("Taylor Swift waves", once, "req_1").decision.outcome is Outcome.ALLOW
    assert house.ask("Taylor Swift waves", once, "req_1").decision.outcome is Outcome.ALLOW
    assert codes(house.ask("Taylor Swift waves", once, "req_2"))[0] == Code.CONSENT_EXHAUSTED
    token, record = house.desk.grant(Grant(SINGER, days=1), granted_by="local")
    house.clock.instant = NOON + timedelta(days=1)
    assert codes(house.ask("Taylor Swift waves", token))[0] == Code.CONSENT_EXPIRED
    house.clock.instant = NOON
    house.desk.revoke(record.consent.token_id, by="local")
    assert codes(house.ask("Taylor Swift waves", token))[0] == Code.CONSENT_REVOKED


def test_self_is_the_default_scope_and_others_are_named(house: House) -> None:
    """A token for oneself is refused to another caller; named callers and anyone may use theirs."""
    assert codes(house.ask("Taylor Swift waves", house.token(), caller="friend"))[0] == Code.CONSENT_OTHER_CALLER
    named = house.token(scope=Scope.NAMED, callers=("friend",))
    assert house.ask("Taylor Swift waves", named, caller="friend").decision.outcome is Outcome.ALLOW
    assert codes(house.ask("Taylor Swift waves", named))[0] == Code.CONSENT_OTHER_CALLER
    anyone = house.token(scope=Scope.ANYONE)
    assert house.ask("Taylor Swift waves", anyone, caller="stranger").decision.outcome is Outcome.ALLOW


def test_a_purpose_that_was_not_given_is_refused(house: House) -> None:
    """A token for art does not cover advertising."""
    token = house.token(purposes=("art",))
    assert house.ask("Taylor Swift waves", token, purpose="art").decision.outcome is Outcome.ALLOW
    assert codes(house.ask("Taylor Swift waves", token, purpose="advertising"))[0] == Code.CONSENT_OTHER_PURPOSE


@pytest.mark.parametrize("prompt", ["Taylor Swift waves", "a red cube turns"])
@pytest.mark.parametrize("token", ["x", "a.b.c", "", "....", "\u2603." * 3, "a" * 10_000])
def test_what_is_no_token_is_refused_and_never_ignored(house: House, prompt: str, token: str) -> None:
    """A malformed token refuses the request, even one that needs none; an empty one is none."""
    logged = house.ask(prompt, token)
    if token:
        assert codes(logged)[0] == Code.CONSENT_MALFORMED
    else:
        assert int(Code.CONSENT_MALFORMED) not in codes(logged)


def test_a_token_of_another_house_is_not_accepted(house: House) -> None:
    """Another installation's signature is named as such, and so is our own over other claims."""
    foreign = ConsentKeys.derived_from(Ed25519PrivateKey.from_private_bytes(b"\x0a" * 32))
    header, claims, signature = house.token().split(".")
    consent = KEYS.read(f"{header}.{claims}.{signature}")
    assert codes(house.ask("Taylor Swift waves", foreign.signed(consent)))[0] == Code.CONSENT_NOT_OURS
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    assert codes(house.ask("Taylor Swift waves", f"{none}.{claims}."))[0] == Code.CONSENT_MALFORMED


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_no_changed_character_of_a_token_is_accepted(place: int, bit: int) -> None:
    """Any flipped bit anywhere makes the token worthless."""
    token = GOLDEN_TOKEN
    raw = bytearray(token.encode())
    raw[place % len(raw)] ^= 1 << bit
    changed = raw.decode("latin-1")
    if changed.strip() != token:
        with pytest.raises(ConsentRefused):
            KEYS.read(changed)


def test_other_libraries_read_our_tokens(house: House) -> None:
    """A token is a JWT with EdDSA: PyJWT checks it with the public JWK."""
    jwt = pytest.importorskip("jwt", reason="PyJWT is not installed: tokens were not read by another library")
    token = house.token()
    key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(KEYS.public_jwk()["x"] + "="))
    claims = jwt.decode(
        token, key, algorithms=["EdDSA"], options={"verify_nbf": False, "verify_exp": False, "verify_iat": False}
    )
    assert (claims["iss"], claims["never"]) == ("reelproof/consent/1", list(NEVER))


def test_the_last_use_is_given_once_to_many_at_a_time(house: House) -> None:
    """Of twenty requests at once exactly as many pass as the token has uses."""
    token = house.token(max_uses=3)
    passed: list[bool] = []

    def ask(number: int) -> None:
        passed.append(house.ask("Taylor Swift waves", token, f"req_{number}").decision.outcome is Outcome.ALLOW)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 3


def test_a_consent_is_checked_again_at_release(house: House) -> None:
    """Taken back or expired between request and release, it no longer holds, and that is on record."""
    token, record = house.desk.grant(Grant(SINGER), granted_by="local")
    identity = record.consent.token_id
    house.ask("Taylor Swift waves", token, "req_1")
    house.gate.require_consent(identity, "req_1")
    house.desk.revoke(identity, by="local")
    with pytest.raises(RequestRefused) as refused:
        house.gate.require_consent(identity, "req_1")
    assert refused.value.reason_codes == (int(Code.CONSENT_REVOKED),)
    assert refused.value.log_index is not None
    assert house.log.entry(refused.value.log_index)["facts"]["token_id"] == identity
    with pytest.raises(RequestRefused):
        house.gate.require_consent("ct_unknown", "req_1")


def test_a_face_in_a_reference_needs_the_token(house: House) -> None:
    """A face is refused without a token and allowed with one; sexual, minors and unreadable stay refused."""
    face = (ReferenceFacts("image", "ab" * 32, faces=1),)
    more = {"reference_kinds": ("image",), "references": face}
    assert codes(house.ask("a person waves", None, **more)) == [int(Code.REFERENCE_FACE)]
    token = house.token("Marlene Oberhauser", max_uses=50)
    assert house.ask("a person waves", token, **more).decision.outcome is Outcome.ALLOW
    assert house.ask("a person waves, a child beside", token, **more).decision.outcome is Outcome.REFUSE
    assert house.ask("a person nude", token, **more).decision.outcome is Outcome.REFUSE
    spoilt = {"reference_kinds": ("image",), "references": (ReferenceFacts("image", is_readable=False),)}
    assert codes(house.ask("a person waves", token, **spoilt)) == [int(Code.REFERENCE_UNREADABLE)]


def test_a_camera_clip_needs_the_token_for_video_to_video(house: House) -> None:
    """A video whose own credential says camera is refused without a token; a picture of a landscape is not."""
    for kind, expected in (("video", Outcome.REFUSE), ("image", Outcome.ALLOW)):
        facts = (ReferenceFacts(kind, "ab" * 32, is_camera_origin=True),)
        logged = house.ask("waves on a beach", None, reference_kinds=(kind,), references=facts)
        assert logged.decision.outcome is expected


@pytest.mark.parametrize(
    "grant",
    [
        *[Grant(SINGER, purposes=(purpose,)) for purpose in NEVER],
        Grant(SINGER, purposes=()),
        Grant(""),
        Grant("one two three four five six seven"),
        Grant(SINGER, days=0),
        Grant(SINGER, days=400),
        Grant(SINGER, max_uses=0),
        Grant(SINGER, scope=Scope.NAMED),
        Grant(SINGER, callers=("friend",)),
        Grant(SINGER, scope=Scope.NAMED, callers=("a friend",)),
    ],
)
def test_what_nobody_may_grant_is_turned_away(house: House, grant: Grant) -> None:
    """Barred purposes, no end, no name and odd callers are usage errors with a hint, and leave nothing behind."""
    with pytest.raises(UsageError) as refused:
        house.desk.grant(grant, granted_by="local")
    assert refused.value.hint
    assert house.desk.all() == []


def test_a_damaged_store_is_a_no(house: House, tmp_path: Path) -> None:
    """If consents can't be read, the desk says so and the gate refuses on record."""
    token = house.token()
    (tmp_path / "consents.db").write_bytes(b"no database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(ConfigurationError):
        house.desk.all()
    assert codes(house.ask("Taylor Swift waves", token)) == [int(Code.FILTER_FAILED)]


def test_revoking_an_unknown_consent_says_so(house: House) -> None:
    """There is nothing to take back."""
    with pytest.raises(UsageError):
        house.desk.revoke("ct_none", by="local")


def test_the_listing_says_how_each_consent_stands(house: House) -> None:
    """Newest first, with state, uses and label, and no name."""
    house.token(label="spring campaign", purposes=PURPOSES)
    shown = house.desk.all()[0].to_json(NOON)
    assert (shown["label"], shown["state"], shown["uses"], shown["max_uses"]) == ("spring campaign", "valid", 0, 10)


def _golden_token() -> str:
    desk_keys = KEYS
    consent_claims = {
        "iss": "reelproof/consent/1", "jti": "ct_1", "sub": "ab", "subjects": ["ab"], "scope": "self",
        "callers": ["local"], "purposes": ["art"], "iat": 1, "nbf": 1, "exp": 2, "max_uses": 1,
    }  # fmt: skip
    from policy.consent import Consent

    return desk_keys.signed(Consent.of_claims(consent_claims))


GOLDEN_TOKEN = _golden_token()
