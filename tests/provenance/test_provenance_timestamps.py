"""Time-stamps by a local RFC 3161 server (`openssl ts`), and what happens when it is down, silent or garbled."""

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.provenance_rubric import RULES, score, subject_of
from bench.timestamp_server import Authority, trusting
from core.errors import ConfigurationError, ServiceUnreachable
from provenance.manifest import ManifestFacts
from provenance.reading import read_manifest
from provenance.signers import LocalSigner
from provenance.signing import SigningOptions, sign_clip
from provenance.timestamps import TimeStamping, gives_stamps, reply_status, time_stamp_query
from provenance.trust import OWN_LIST, TrustStore

Facts = Callable[..., ManifestFacts]
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    made = Authority(tmp_path_factory.mktemp("tsa"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _well(authority: Authority) -> None:
    authority.behaviour = "stamps"


def test_a_stamped_clip_outlives_its_certificate(
    authority: Authority, plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """Two years later the certificate has run out; the trusted stamp shows that it had not when it signed."""
    options = SigningOptions(time_stamps=TimeStamping(authority.url))
    sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), signer, options=options)
    later = datetime.now(UTC) + timedelta(days=730)
    report = read_manifest(tmp_path / "a.mp4", trusting(authority, signer), now=later)
    assert report.time_stamped
    assert (report.trust_list, report.certificate_expired) == (OWN_LIST, False)
    stranger = read_manifest(tmp_path / "a.mp4", TrustStore.default(own_root_pem=signer.root_pem), now=later)
    assert not stranger.time_stamped
    assert stranger.trust_list is None


@pytest.mark.parametrize("behaviour", ["refuses", "garbles"])
def test_without_a_stamp_a_clip_is_untimed_or_not_signed(
    authority: Authority, plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts, behaviour: str
) -> None:
    """By setting: signed whole without a stamp, or not at all and nothing left behind."""
    authority.behaviour = behaviour
    untimed = SigningOptions(time_stamps=TimeStamping(authority.url, "untimed"))
    sign_clip(plain_mp4, tmp_path / "out" / "a.mp4", some_facts(), signer, options=untimed)
    report = read_manifest(tmp_path / "out" / "a.mp4", trusting(authority, signer))
    assert report.is_intact
    assert not report.time_stamped
    waiting = SigningOptions(time_stamps=TimeStamping(authority.url, "wait", wait_s=0.0))
    with pytest.raises(ServiceUnreachable) as caught:
        sign_clip(plain_mp4, tmp_path / "none" / "a.mp4", some_facts(), signer, options=waiting)
    assert caught.value.code == "time_stamp_unavailable"
    assert not (tmp_path / "none").exists()


def test_a_server_that_goes_between_question_and_signing_leaves_no_half(
    authority: Authority, plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """It answered our question and garbles the library's: signed again without, since that is the setting."""

    class Fleeting(TimeStamping):
        def answers(self) -> bool:
            is_well = super().answers()
            authority.behaviour = "garbles"
            return is_well

    options = SigningOptions(time_stamps=Fleeting(authority.url, "untimed"))
    sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), signer, options=options)
    report = read_manifest(tmp_path / "a.mp4", trusting(authority, signer))
    assert report.is_intact
    assert not report.time_stamped


def test_a_waiting_clip_is_stamped_once_the_server_is_back(
    authority: Authority, plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """The breaker rests, then asks again, and the clip is signed with a stamp."""
    authority.behaviour = "refuses"
    now = [0.0]

    def sleep(pause_s: float) -> None:
        now[0] += pause_s
        authority.behaviour = "stamps"

    stamps = TimeStamping(authority.url, "wait", wait_s=60, clock_s=lambda: now[0], sleep=sleep)
    sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), signer, options=SigningOptions(time_stamps=stamps))
    assert now[0] == pytest.approx(15)
    assert read_manifest(tmp_path / "a.mp4", trusting(authority, signer)).time_stamped


def test_a_failing_server_is_left_alone_for_longer_each_time(authority: Authority) -> None:
    """Open for 15 s, then 30 s, up to ten minutes; an answer closes it at once."""
    authority.behaviour = "refuses"
    now = [0.0]
    stamps = TimeStamping(authority.url, "untimed", clock_s=lambda: now[0])
    before = authority.asked
    assert [stamps.url_to_sign_with() for _ in range(5)] == [None] * 5
    assert authority.asked == before + 1
    now[0] = 15.0
    assert stamps.url_to_sign_with() is None
    now[0] = 44.9
    assert stamps.url_to_sign_with() is None
    assert authority.asked == before + 2
    authority.behaviour = "stamps"
    now[0] = 45.0
    assert stamps.url_to_sign_with() == authority.url


def test_a_silent_server_is_given_up_in_the_time_set(authority: Authority) -> None:
    """It takes the connection and says nothing."""
    authority.behaviour = "hangs"
    assert not gives_stamps(authority.url, 0.3)
    authority.released.set()
    authority.released.clear()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert not gives_stamps(f"http://127.0.0.1:{closed.getsockname()[1]}/", 0.3)


def test_a_query_is_what_openssl_reads(authority: Authority, tmp_path: Path) -> None:
    """Our DER is a TimeStampReq to others."""
    (tmp_path / "q").write_bytes(time_stamp_query(bytes(range(32)), 2**62 + 1))
    ran = subprocess.run(
        ["openssl", "ts", "-query", "-in", str(tmp_path / "q"), "-text"], capture_output=True, text=True, check=True
    )
    assert "Hash Algorithm: sha256" in ran.stdout
    assert "Certificate required: yes" in ran.stdout
    assert "0x4000000000000001" in ran.stdout


@pytest.mark.parametrize(
    "reply", [b"", b"\x30", b"\x30\x00", b"\x30\x82\xff\xff", b"\x30\x03\x30\x01\x02", b"<html>"]
)
def test_no_reply_bytes_are_a_status(reply: bytes) -> None:
    """Anything but a TimeStampResp is a ValueError."""
    with pytest.raises(ValueError, match="no time-stamp reply"):
        reply_status(reply)


@pytest.mark.parametrize("url", ["", "ftp://x/", "file:///etc/passwd", "tsa.example"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """At start-up, not at the first clip."""
    with pytest.raises(ConfigurationError):
        TimeStamping(url)


def test_a_stamped_clip_keeps_all_thirty_one_rules(
    authority: Authority, plain_mp4: Path, tmp_path: Path, signer: LocalSigner, some_facts: Facts
) -> None:
    """Our rubric (bench/provenance_rubric.py) in full; without a stamp exactly one rule less."""
    options = SigningOptions(time_stamps=TimeStamping(authority.url))
    sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), signer, options=options)
    sign_clip(plain_mp4, tmp_path / "b.mp4", some_facts(), signer)
    trust = trusting(authority, signer)
    stamped, untimed = (score(subject_of(tmp_path / name, trust)) for name in ("a.mp4", "b.mp4"))
    assert len(RULES) == 31
    assert [rule for rule, holds in stamped.items() if not holds] == []
    assert [rule for rule, holds in untimed.items() if not holds] == [
        "a trusted time-stamp stands in the signature"
    ]
