"""Every setting, its default and its unit; documented in docs/settings.md.

Order: arguments, `REELPROOF_…` variables, the TOML file named by `REELPROOF_CONFIG` (or `reelproof.toml` in the
home), defaults.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from core.errors import ConfigurationError

_MIB = 1 << 20


def default_home() -> Path:
    """`$XDG_DATA_HOME/reelproof`, else `~/.local/share/reelproof`."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "reelproof"


class Settings(BaseSettings):
    """All settings. A name that is not here is an error, not a silence."""

    model_config = SettingsConfigDict(env_prefix="REELPROOF_", extra="forbid", frozen=True)

    home: Path = Field(default_factory=default_home, description="Data folder: keys, database, blobs, log, jobs.")
    organisation: str = Field("Reelproof self-hosted", description="Organisation named in new certificates.")
    system_name: str = Field("Reelproof", description="Provider and system named in manifests.")
    log_origin: str = Field(
        "reelproof.local/decisions", description="Origin line of the decision log's checkpoints."
    )
    key_passphrase: SecretStr | None = Field(
        None, description="Unlocks the private keys; unset, a random one is kept in the keys folder, mode 0600."
    )
    database_url: str | None = Field(
        None, description="SQLAlchemy URL of the repository; default: SQLite in the home."
    )
    backend: Literal["embedded", "wan"] = Field("embedded", description="Generator used when a request names none.")
    device: str = Field(
        "auto",
        description="Where the embedded model computes: auto, cpu, cuda or cuda:N; auto takes a CUDA device.",
    )
    wan_model: Path | None = Field(None, description="Local folder of a Wan checkpoint for the diffusers backend.")
    guard_model: Path | None = Field(
        None, description="Local folder of a Llama Guard or ShieldGemma that hears every request as well."
    )
    minilm: Path | None = Field(
        None, description="Local folder of a MiniLM with harm heads trained on it; they hear every request as well."
    )
    classifier: Path | None = Field(
        None,
        description="`steadiness`, or the folder of a classifier of clips without marks: card, backbone, head.",
    )
    classifier_digest: str | None = Field(
        None, description="SHA-256 of that classifier's card, which names those of its files; needed with a folder."
    )
    lists_key: str | None = Field(
        None, description="Verifier key of list updates; default: the key that ships with the package."
    )
    pixel_psnr_db: float = Field(44.0, ge=36, le=60, description="Fidelity of the pixel watermark, dB.")
    encode_crf: int = Field(16, ge=0, le=40, description="x264 constant rate factor of released clips.")
    disclosure_profiles: tuple[Literal["eu", "california", "china", "india"], ...] = Field(
        (), description="Laws whose visible disclosure clips carry: a label where one asks for it (JSON list)."
    )
    visible_label: bool = Field(False, description="Whether every released clip carries a label in the picture.")
    opening_card_s: float = Field(
        0.0, ge=0, le=10, description="How long a silent card stands before every released clip, seconds; 0: none."
    )
    visible_text: str = Field(
        "AI-generated",
        min_length=1,
        max_length=80,
        description="What label and card say: one line, in any script that a font is there for.",
    )
    label_font: str | None = Field(
        None,
        description="Font file of label and card; unset, OpenCV's letters or an installed font that has them.",
    )
    tsa_url: str | None = Field(None, description="RFC 3161 time-stamp server; unset, clips carry no time-stamp.")
    tsa_when_down: Literal["wait", "untimed"] = Field(
        "wait", description="Without an answer from the time-stamp server: wait and then fail, or sign untimed."
    )
    tsa_wait_s: float = Field(60.0, ge=0, description="How long a clip waits for the time-stamp server, seconds.")
    signer: Literal["local", "pkcs11", "command"] = Field(
        "local", description="Who signs claims: the home's own key, a PKCS#11 token, or a program."
    )
    signer_chain: Path | None = Field(
        None, description="PEM chain of a PKCS#11 or program signer: leaf first, root last."
    )
    signer_command: tuple[str, ...] = Field(
        (), description="Program that signs what it reads on stdin; its arguments as a JSON list."
    )
    pkcs11_module: Path | None = Field(None, description="PKCS#11 library of the token.")
    pkcs11_token: str = Field("", description="Label of the PKCS#11 token.")
    pkcs11_key: str = Field("", description="Label of the signing key in the token.")
    pkcs11_pin: SecretStr | None = Field(None, description="User PIN of the token.")
    trust_roots: Path | None = Field(
        None, description="PEM file of further roots trusted to sign claims: the trust list `custom`."
    )
    blob_url: str | None = Field(
        None, description="Where manifest stores lie: `s3://bucket/prefix`; default: a folder in the home."
    )
    fetch_urls: bool = Field(
        False, description="Whether the server fetches clips from public https addresses that callers name."
    )
    webhooks: bool = Field(
        False, description="Whether callers may name a public https address that is told when a verdict is there."
    )
    webhook_secret: SecretStr | None = Field(
        None, description="Also sign webhooks with this secret: `whsec_` and base64 of 24 to 64 bytes."
    )
    public_url: str | None = Field(
        None, description="Where others reach this server; named in manifests and in soft-binding answers."
    )
    invert_noise: Literal["never", "fallback", "always"] = Field(
        "fallback", description="When the detector reads the noise mark: it costs a model inversion."
    )
    max_upload_bytes: int = Field(512 * _MIB, gt=0, description="Largest file the detector takes, bytes.")
    verify_memory_bytes: int = Field(2_048 * _MIB, gt=0, description="Memory of the sandboxed decoder, bytes.")
    verify_wall_s: float = Field(120.0, gt=0, description="Wall-clock limit of one sandboxed reading, seconds.")
    verify_retention_s: int = Field(
        3_600, ge=0, description="How long an uploaded file's verdict is kept, seconds."
    )
    host: str = Field("127.0.0.1", description="Address `serve` binds.")
    port: int = Field(8_600, ge=0, le=65_535, description="Port `serve` binds; 0 picks a free one.")
    api_keys: tuple[str, ...] = Field(
        (), description="SHA-256 hex digests of the keys that may call the API; none: open on loopback only."
    )
    witnesses: tuple[str, ...] = Field(
        (), description="Witnesses that cosign the log's checkpoints, each as `VERIFIER_KEY URL`."
    )
    witness_every_s: float = Field(60.0, gt=0, description="How often the server asks its witnesses, seconds.")
    log_retention_days: int = Field(
        180, ge=1, description="How long prompts, appeals and held clips are kept before they are erased, days."
    )
    desk_keys: tuple[str, ...] = Field(
        (),
        description="SHA-256 hex digests of the keys of those who grant consents, review requests, read prompts.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the TOML file."""
        named = os.environ.get("REELPROOF_CONFIG")
        home = Path(os.environ.get("REELPROOF_HOME", "") or default_home())
        file = Path(named) if named else home / "reelproof.toml"
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file))

    @property
    def repository_url(self) -> str:
        """The SQLAlchemy URL that is really used."""
        return self.database_url or f"sqlite:///{self.home / 'reelproof.db'}"


def load_settings(**overrides: object) -> Settings:
    """The settings in force.

    Raises:
        ConfigurationError: a value that can't be, or a setting that doesn't exist, named with its reason.
    """
    named = os.environ.get("REELPROOF_CONFIG")
    if named and not Path(named).is_file():
        raise ConfigurationError(
            f"the settings file {named} does not exist",
            code="settings_missing",
            hint="Correct REELPROOF_CONFIG, or unset it.",
        )
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except (ValidationError, ValueError) as fault:
        detail = (
            "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in fault.errors())
            if isinstance(fault, ValidationError)
            else str(fault)
        )
        raise ConfigurationError(
            f"settings: {detail}", code="settings_invalid", hint="docs/settings.md lists every setting."
        ) from fault
