"""Which implementation stands behind each plug point, chosen by name, built from the settings."""

import secrets
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from core.clip import Clip
from core.clock import Clock, SystemClock
from core.errors import ConfigurationError
from core.files import write_atomically
from core.progress import Progress, silent
from detector.classifier.steadiness import NAME, steadiness_classifier
from detector.ports import ClipClassifier
from detector.sandbox import SandboxedVideo, SandboxLimits
from detector.service import Detector
from generator.port import GeneratorBackend, LatentInverter, Latents
from policy.consent import ConsentKeys
from policy.consent_desk import ConsentDesk
from policy.consent_store import ConsentStore
from policy.gate import PolicyGate
from policy.log import DecisionLog
from policy.references import FaceFinder
from policy.reviews import ReviewQueue
from provenance.blobs import BlobStore, FolderBlobStore
from provenance.keys import KeyStore
from provenance.object_blobs import ObjectBlobStore
from provenance.remote_signers import command_signer, pkcs11_signer
from provenance.repository import ManifestRepository, SqlManifestRepository
from provenance.signers import Signer
from provenance.signing import SigningOptions
from provenance.timestamps import TimeStamping
from provenance.trust import TrustStore
from reelproof.backends import Backends
from reelproof.filtering import policy_filter
from reelproof.output_check import OutputCheck
from reelproof.pipeline import Pipeline
from reelproof.proofs import DecisionProofChecker
from reelproof.references import ReferenceLooker
from reelproof.settings import Settings
from reelproof.webhooks import Signing, Webhooks, secret_bytes
from reelproof.witnessing import Witnesses
from watermark.noise import NoiseWatermark
from watermark.pixel import PixelWatermark

_PASSPHRASE_BYTES = 24


@dataclass(frozen=True)
class Services:
    """Everything a command or the server works with. `made_keys` says that this call made the home's keys."""

    settings: Settings
    clock: Clock
    keys: KeyStore
    gate: PolicyGate
    log: DecisionLog
    trust: TrustStore
    repository: ManifestRepository
    backends: Backends
    pipeline: Pipeline
    detector: Detector
    consents: ConsentDesk
    reviews: ReviewQueue
    witnesses: Witnesses
    webhooks: Webhooks
    made_keys: bool = False


def build(settings: Settings, clock: Clock | None = None, backends: Backends | None = None) -> Services:
    """The services of one home; makes its keys on first use. `backends` replaces the generators of this release.

    Raises:
        ConfigurationError: keys, trust lists, database or log can't be used as they are.
    """
    clock = clock or SystemClock()
    settings.home.mkdir(parents=True, exist_ok=True)
    made_keys = not keys_folder(settings).exists()
    keys = create_keys(settings, clock) if made_keys else open_keys(settings)
    log = DecisionLog(settings.home / "log", keys.log_key, settings.log_origin)
    consents = consent_desk(settings, keys, clock)
    reviews = ReviewQueue(settings.home / "reviews.db", _derived(keys, b"reelproof/reviews/1"))
    gate = PolicyGate(policy_filter(settings), log, settings.home / "vault", clock, consents, reviews)
    blobs = blob_store_of(settings)
    repository = SqlManifestRepository(settings.repository_url, blobs)
    signer = signer_of(settings, keys)
    trust = trust_of(settings, keys, signer)
    backends = backends or backends_of(settings)
    pixel, noise = PixelWatermark(), NoiseWatermark()
    untrusted = partial(_open_untrusted, settings)
    finder = FaceFinder()
    looker = ReferenceLooker(finder, trust, untrusted)
    output = OutputCheck(finder, gate, reviews, settings.home / "held", clock)
    pipeline = Pipeline(
        settings, clock, gate, log, keys, repository, backends, pixel, noise, untrusted, looker, output,
        signer, SigningOptions(trust=trust, time_stamps=time_stamping_of(settings)),
        blobs,
    )  # fmt: skip
    detector = Detector(
        trust,
        repository,
        pixel,
        keys.watermark_keys,
        noise,
        _LazyInverter(backends, "embedded"),
        settings.invert_noise,
        sandbox_limits(settings),
        clock,
        DecisionProofChecker(log),
        references=blobs.get,
        classifier=classifier_of(settings),
    )
    return Services(
        settings,
        clock,
        keys,
        gate,
        log,
        trust,
        repository,
        backends,
        pipeline,
        detector,
        consents,
        reviews,
        Witnesses.configured(settings.witnesses, log.reader, settings.home / "log"),
        webhooks_of(settings, keys, clock),
        made_keys,
    )


def signer_of(settings: Settings, keys: KeyStore) -> Signer:
    """Who signs claims, as set.

    Raises:
        ConfigurationError: a token, program or chain that can't be used, or a setting that is missing.
    """
    if settings.signer == "local":
        return keys.signer()
    if settings.signer_chain is None:
        raise _incomplete("REELPROOF_SIGNER_CHAIN")
    if settings.signer == "command":
        if not settings.signer_command:
            raise _incomplete("REELPROOF_SIGNER_COMMAND")
        return command_signer(settings.signer_command, settings.signer_chain)
    if settings.pkcs11_module is None or settings.pkcs11_pin is None:
        raise _incomplete("REELPROOF_PKCS11_MODULE and REELPROOF_PKCS11_PIN")
    pin = settings.pkcs11_pin.get_secret_value()
    return pkcs11_signer(
        settings.pkcs11_module, settings.pkcs11_token, pin, settings.pkcs11_key, settings.signer_chain
    )


def _incomplete(names: str) -> ConfigurationError:
    return ConfigurationError(
        f"the signer that is set needs {names}",
        code="signer_incomplete",
        hint="docs/provenance.md shows an example.",
    )


def trust_of(settings: Settings, keys: KeyStore, signer: Signer) -> TrustStore:
    """The trust lists of this home: our own roots, the carried lists, the operator's own."""
    own = "".join(dict.fromkeys((keys.root_pem, signer.root_pem)))
    custom = ""
    if settings.trust_roots is not None:
        try:
            custom = settings.trust_roots.read_text()
        except (OSError, UnicodeDecodeError) as fault:
            raise ConfigurationError(
                f"the trusted roots {settings.trust_roots} can't be read",
                code="bad_trust_pem",
                hint="Correct REELPROOF_TRUST_ROOTS, or unset it.",
            ) from fault
    return TrustStore.default(own_root_pem=own, custom_pem=custom, own_crl_pem=keys.crl_pem)


def time_stamping_of(settings: Settings) -> TimeStamping | None:
    """The time-stamp server that is set, behind its breaker, or None."""
    if settings.tsa_url is None:
        return None
    return TimeStamping(settings.tsa_url, settings.tsa_when_down, settings.tsa_wait_s)


def classifier_of(settings: Settings) -> ClipClassifier | None:
    """The classifier of clips without marks that is set: the package's own, asked for by its name, or a pinned
    folder's. None where none is set.

    Raises:
        ConfigurationError: it is not the pinned one, or can't be used as it is.
    """
    if settings.classifier is None:
        return None
    if settings.classifier == Path(NAME):
        return steadiness_classifier()
    from reelproof.classifier_model import load_classifier

    return load_classifier(settings.classifier, settings.classifier_digest)


def webhooks_of(settings: Settings, keys: KeyStore, clock: Clock) -> Webhooks:
    """The messages to callers' servers, signed with a key that follows from the home's own.

    Raises:
        ConfigurationError: `webhook_secret`: a secret that is none.
    """
    secret = settings.webhook_secret
    signing = Signing(
        Ed25519PrivateKey.from_private_bytes(_derived(keys, b"reelproof/webhooks/1")),
        secret_bytes(secret.get_secret_value()) if secret is not None else None,
    )
    return Webhooks(settings.home / "webhooks", signing, clock)


def blob_store_of(settings: Settings) -> BlobStore:
    """Where manifest stores lie, as set."""
    if settings.blob_url is not None:
        return ObjectBlobStore(settings.blob_url)
    return FolderBlobStore(settings.home / "blobs")


def consent_desk(settings: Settings, keys: KeyStore, clock: Clock) -> ConsentDesk:
    """Where this home's consents are granted and checked. A new log key makes older tokens void."""
    store = ConsentStore(settings.home / "consents.db")
    return ConsentDesk(ConsentKeys.derived_from(keys.log_key), store, clock)


def _derived(keys: KeyStore, label: bytes) -> bytes:
    """A 32-byte secret that follows from the log key (HKDF-SHA256), for one purpose."""
    seed = keys.log_key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return HKDF(SHA256(), 32, salt=None, info=label).derive(seed)


def backends_of(settings: Settings) -> Backends:
    """The generators this release knows, by name; none is loaded yet."""
    return Backends(
        {"embedded": partial(_embedded, settings), "wan": partial(_wan, settings)}, {"embedded": _embedded_inverter}
    )


def keys_folder(settings: Settings) -> Path:
    """Where this home's keys lie."""
    return settings.home / "keys"


def create_keys(settings: Settings, clock: Clock | None = None) -> KeyStore:
    """New keys for a home that has none. Raises ConfigurationError where keys already are."""
    if keys_folder(settings).exists():
        raise ConfigurationError(
            f"there are keys in {keys_folder(settings)} already",
            code="keys_exist",
            hint="Use them, or choose another REELPROOF_HOME. Old clips can't be recognised without their keys.",
        )
    settings.home.mkdir(parents=True, exist_ok=True)
    if settings.key_passphrase is None and not _passphrase_file(settings).exists():
        write_atomically(_passphrase_file(settings), secrets.token_urlsafe(_PASSPHRASE_BYTES).encode(), mode=0o600)
    return KeyStore.create(
        keys_folder(settings),
        passphrase_of(settings),
        organisation=settings.organisation,
        clock=clock or SystemClock(),
    )


def open_keys(settings: Settings) -> KeyStore:
    """The keys of a home. Raises ConfigurationError where there are none, or they don't open."""
    return KeyStore.open(keys_folder(settings), passphrase_of(settings))


def _passphrase_file(settings: Settings) -> Path:
    return settings.home / "passphrase"


def passphrase_of(settings: Settings) -> str:
    """What opens the home's private keys: the setting, or the file beside them.

    Raises:
        ConfigurationError: `passphrase_missing`.
    """
    if settings.key_passphrase is not None:
        return settings.key_passphrase.get_secret_value()
    try:
        return _passphrase_file(settings).read_text().strip()
    except OSError as fault:
        raise ConfigurationError(
            "no passphrase for the keys",
            code="passphrase_missing",
            hint=f"Set REELPROOF_KEY_PASSPHRASE, or put back {_passphrase_file(settings)}; "
            "`reelproof keys init` makes keys in a new home.",
        ) from fault


def _embedded(settings: Settings) -> GeneratorBackend:
    from generator.embedded import EmbeddedBackend

    return EmbeddedBackend.load(device=settings.device)


def _wan(settings: Settings) -> GeneratorBackend:
    from generator.diffusers_wan import WanBackend

    if settings.wan_model is None:
        raise ConfigurationError(
            "the Wan backend has no model",
            code="wan_model_missing",
            hint="Set REELPROOF_WAN_MODEL to a local folder with a Wan checkpoint in diffusers form.",
        )
    return WanBackend.from_pretrained(settings.wan_model)


class _LazyInverter:
    """The inverter of the default backend, loaded when a clip is really read back."""

    def __init__(self, backends: Backends, name: str) -> None:
        self._backends = backends
        self._name = name

    def invert(self, clip: Clip, progress: Progress = silent) -> Latents:
        """Estimated initial latents of a clip, blind."""
        return self._backends.inverter(self._name).invert(clip, progress)


def _embedded_inverter(backend: GeneratorBackend) -> LatentInverter:
    from generator.embedded import EmbeddedBackend, EmbeddedInverter

    if not isinstance(backend, EmbeddedBackend):
        raise TypeError(f"the embedded inverter runs the embedded model backwards, not {backend.name}")
    return EmbeddedInverter(backend)


def sandbox_limits(settings: Settings) -> SandboxLimits:
    """What a confined child may use, as set."""
    return SandboxLimits(
        memory_bytes=settings.verify_memory_bytes,
        cpu_s=round(2 * settings.verify_wall_s),
        wall_s=settings.verify_wall_s,
        max_input_bytes=max(settings.max_upload_bytes, SandboxLimits.max_input_bytes),
    )


def _open_untrusted(settings: Settings, path: Path) -> Clip:
    return SandboxedVideo(path, sandbox_limits(settings)).open()
