"""Asks the configured witnesses over HTTP: while the server runs, and whenever somebody audits."""

import logging
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import ConfigurationError, ServiceUnreachable
from policy.log import LogReader
from policy.log.cosignature import WitnessKey
from policy.log.witnessing import Post, WitnessClient, WitnessReport

TIMEOUT_S = 10.0
_MAX_ANSWER_BYTES = 20_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Witnesses:
    """All witnesses of one log."""

    clients: tuple[WitnessClient, ...]

    @classmethod
    def configured(cls, lines: tuple[str, ...], reader: LogReader, folder: Path) -> "Witnesses":
        """The witnesses named in the settings, each `VERIFIER_KEY URL`.

        Raises:
            ConfigurationError: a line that can't be read.
        """
        return cls(tuple(_client(line, reader, folder) for line in lines))

    def ask(self) -> list[WitnessReport]:
        """Have the latest checkpoint cosigned by each; never raises for a witness that is silent or disagrees."""
        return [client.ask() for client in self.clients]

    def ask_and_tell(self) -> None:
        """Ask each, and put what went wrong into the server's log."""
        for report in self.ask():
            if report.problem:
                _log.warning("witness %s: %s", report.name, report.problem)

    def check_kept(self) -> list[WitnessReport]:
        """Check what each cosigned last against the log as it stands, without a network."""
        return [client.check_kept() for client in self.clients]

    def cosigned(self) -> list[str]:
        """The latest cosigned checkpoint of each witness that ever cosigned one."""
        return [note for note in (client.kept() for client in self.clients) if note is not None]


def http_post(url: str) -> Post:
    """Sends requests to the witness whose submission prefix is `url`."""

    def post(body: bytes) -> tuple[int, bytes]:
        request = urllib.request.Request(f"{url.rstrip('/')}/add-checkpoint", body, {"Content-Type": "text/plain"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return int(answer.status), answer.read(_MAX_ANSWER_BYTES)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read(_MAX_ANSWER_BYTES)
        except (OSError, ValueError) as fault:
            raise ServiceUnreachable(
                f"the witness at {urlsplit(url).netloc} does not answer",
                code="witness_unreachable",
                hint="Check that it runs and can be reached from here.",
            ) from fault

    return post


def _client(line: str, reader: LogReader, folder: Path) -> WitnessClient:
    key, _, url = line.strip().partition(" ")
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConfigurationError(
            "a witness is named by its verifier key and its address",
            code="witness_setting",
            hint='REELPROOF_WITNESSES=["NAME+HASH+KEY https://witness.example.org"]',
        )
    return WitnessClient(reader, folder, WitnessKey.parse(key), http_post(url))
