"""The self-test behind `doctor`: every part is tried, not looked at."""

import importlib
import importlib.metadata
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from core.errors import ReelproofError
from reelproof.settings import Settings
from reelproof.wiring import classifier_of, keys_folder, open_keys, signer_of, trust_of

_FREE_DISK_BYTES = 1 << 30
_LAPSES_SOON_DAYS = 30
_STALE_LIST_DAYS = 180
_PARTS = ("torch", "numpy", "av", "opencv-python-headless", "c2pa-python", "cryptography", "fastapi", "dbos")


@dataclass(frozen=True)
class Finding:
    """One thing tried: `state` is ok, warning or fault."""

    part: str
    state: str
    text: str
    hint: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Try every part of this installation and this home; never raises for what it finds."""
    checks: tuple[tuple[str, Callable[[Settings], Iterator[Finding]]], ...] = (
        ("installation", _installation),
        ("home", _home),
        ("keys", _keys),
        ("trust", _trust),
        ("log", _log),
        ("sandbox", _sandbox),
        ("signing", _signing),
        ("time-stamps", _time_stamps),
        ("model", _model),
        ("classifier", _classifier),
    )
    findings: list[Finding] = []
    for part, check in checks:
        try:
            findings += check(settings)
        except ReelproofError as fault:
            findings.append(Finding(part, "fault", str(fault), fault.hint))
        except (OSError, ImportError, ValueError) as fault:
            findings.append(
                Finding(part, "fault", f"{type(fault).__name__}: {fault}", "Install again, then retry.")
            )
    return findings


def _classifier(settings: Settings) -> Iterator[Finding]:
    if classifier_of(settings) is None:
        return
    yield Finding("classifier", "ok", "the classifier loads; its error rates are those of its card")


def _installation(_: Settings) -> Iterator[Finding]:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PARTS)
    yield Finding("installation", "ok", versions)


def _home(settings: Settings) -> Iterator[Finding]:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    state = "ok" if free >= _FREE_DISK_BYTES else "warning"
    yield Finding("home", state, f"{settings.home}, {free / 2**30:.1f} GiB free")


def _keys(settings: Settings) -> Iterator[Finding]:
    if not keys_folder(settings).exists():
        yield Finding(
            "keys", "warning", "no keys yet", "The first `generate` or `seal` makes them, or `keys init`."
        )
        return
    for row in open_keys(settings).describe():
        until = row["valid_until"]
        left = (datetime.fromisoformat(until).astimezone(UTC) - datetime.now(UTC)).days if until else None
        state = "fault" if row["status"] == "expired" else "ok"
        if left is not None and 0 <= left < _LAPSES_SOON_DAYS:
            state = "warning"
        ends = "no end" if left is None else f"{left} days left"
        yield Finding("keys", state, f"{row['purpose']}: {row['status']}, {ends}")
    if settings.key_passphrase is None:
        yield Finding(
            "keys",
            "warning",
            "the passphrase lies in a file beside the keys",
            "Set REELPROOF_KEY_PASSPHRASE from a secret store, and remove the file.",
        )


def _trust(settings: Settings) -> Iterator[Finding]:
    from provenance.trust import OWN_LIST, TrustStore

    trust = TrustStore.default()
    if keys_folder(settings).exists():
        keys = open_keys(settings)
        trust = trust_of(settings, keys, signer_of(settings, keys))
    for row in trust.describe(datetime.now(UTC).date()):
        stale = row["name"] != OWN_LIST and row["age_days"] > _STALE_LIST_DAYS
        text = f"{row['title']}: {row['anchors']} anchors, {row['age_days']} days old"
        yield Finding("trust", "warning" if stale else "ok", text, row["note"] if stale else "")


def _log(settings: Settings) -> Iterator[Finding]:
    from policy.log import DecisionLog

    if not keys_folder(settings).exists():
        yield Finding("log", "warning", "no log yet", "The first decision begins it.")
        return
    audit = DecisionLog(settings.home / "log", open_keys(settings).log_key, settings.log_origin).verify()
    if audit.ok:
        yield Finding("log", "ok", f"{audit.size} entries, every hash and signature holds")
    else:
        yield Finding(
            "log", "fault", "; ".join(audit.problems), "Keep the folder; compare with exported checkpoints."
        )


def _sandbox(_: Settings) -> Iterator[Finding]:
    from detector.sandbox import sandbox_report

    report = sandbox_report()
    if not report["works"]:
        yield Finding(
            "sandbox", "fault", f"the confined child does not run: {report['problem']}", "Nothing is verified."
        )
    elif report["weak"]:
        weak = ", ".join(report["weak"])
        hint = "This kernel lacks a fence (Landlock, seccomp); run Reelproof in a container without network."
        yield Finding("sandbox", "warning", f"the confined child could still: {weak}", hint)
    else:
        yield Finding("sandbox", "ok", f"{len(report['refused'])} attempts to break out refused")


def _signing(_: Settings) -> Iterator[Finding]:
    from provenance.selftest import self_test

    self_test()
    yield Finding("signing", "ok", "a clip signs, reads back, and a flipped byte is noticed")


def _time_stamps(settings: Settings) -> Iterator[Finding]:
    from provenance.timestamps import gives_stamps

    if settings.tsa_url is None:
        hint = "Set REELPROOF_TSA_URL: without a time-stamp a credential lapses with its certificate."
        yield Finding("time-stamps", "warning", "no time-stamp server is set", hint)
    elif gives_stamps(settings.tsa_url, 5.0):
        yield Finding("time-stamps", "ok", "the time-stamp server gives stamps")
    else:
        hint = f"Clips then {'wait' if settings.tsa_when_down == 'wait' else 'carry no time-stamp'}."
        yield Finding("time-stamps", "fault", "the time-stamp server does not answer", hint)


def _model(settings: Settings) -> Iterator[Finding]:
    importlib.import_module("generator.embedded")
    from generator.embedded.devices import chosen_device, has_fast_bfloat16
    from reelproof.wiring import backends_of

    model, device = backends_of(settings)["embedded"].model, chosen_device(settings.device)
    number = "bfloat16" if has_fast_bfloat16(device) else "float32"
    yield Finding(
        "model", "ok", f"{model.name} {model.version}, weights {model.digest[:16]}…, on {device} in {number}"
    )
