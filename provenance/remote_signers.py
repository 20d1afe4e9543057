"""Signers whose key is not in this process: in a PKCS#11 module (a hardware security module), or behind a program.

Both need the certificate chain as a PEM file: leaf first, then the issuing CAs, the root last. Knows nothing of
where the PIN or the program come from.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from core.errors import ConfigurationError, ServiceUnreachable
from provenance import certificates
from provenance.signers import CallbackSigner

_COMMAND_TIMEOUT_S = 30.0
_MAX_SIGNATURE_BYTES = 256


@dataclass(frozen=True)
class ChainFile:
    """What a chain file says: algorithm of the leaf's key, the chain without its root, the root."""

    algorithm: str
    chain_pem: str
    root_pem: str
    leaf: x509.Certificate

    @classmethod
    def read(cls, path: Path) -> "ChainFile":
        """Read and check a chain file.

        Raises:
            ConfigurationError: `bad_signer_chain`: unreadable, too short, not issued one by the other, or a leaf
                whose key is none of ES256, ES384 and Ed25519.
        """
        try:
            found = x509.load_pem_x509_certificates(path.read_bytes())
            for lower, upper in zip(found, [*found[1:], found[-1]], strict=True):
                lower.verify_directly_issued_by(upper)
        except Exception as error:  # the library raises InvalidSignature, ValueError, TypeError or OSError here
            raise _bad_chain(path, f"{type(error).__name__}: {error}") from error
        if len(found) < 2:
            raise _bad_chain(path, "it holds no root beside the leaf")
        return cls(
            _algorithm(path, found[0]), certificates.to_pem(*found[:-1]), certificates.to_pem(found[-1]), found[0]
        )


def pkcs11_signer(module: Path, token: str, pin: str, key_label: str, chain: Path) -> CallbackSigner:
    """A signer over the private key named `key_label` in a PKCS#11 token. A session is opened for each signature.

    Raises:
        ConfigurationError: `bad_signer_chain`; `pkcs11_missing`: the `pkcs11` extra is not installed;
            `pkcs11_unusable`: module, token, PIN or key can't be used, or the key is not the certificate's.
    """
    described = ChainFile.read(chain)
    try:
        import pkcs11
    except ImportError as error:
        raise ConfigurationError(
            "PKCS#11 needs the package python-pkcs11",
            code="pkcs11_missing",
            hint="install reelproof[pkcs11]",
        ) from error
    sign = _Pkcs11Key(pkcs11, str(module), token, pin, key_label, described.algorithm)
    signer = CallbackSigner(sign, described.algorithm, described.chain_pem, described.root_pem)
    _require_own_key(signer, described, "pkcs11_unusable", "name the key that the first certificate was made for")
    return signer


def command_signer(command: tuple[str, ...], chain: Path) -> CallbackSigner:
    """A signer over any program: it gets the bytes on stdin and writes the signature, raw or DER, to stdout.

    That is how a cloud key service is reached: by its own command-line client. Tried once here.

    Raises:
        ConfigurationError: `bad_signer_chain`, `signer_command_unusable`.
    """
    described = ChainFile.read(chain)

    def sign(message: bytes) -> bytes:
        try:
            ran = subprocess.run(
                command, input=message, capture_output=True, timeout=_COMMAND_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _unreachable(f"the signing command did not run: {error}") from error
        if ran.returncode or not 0 < len(ran.stdout) <= _MAX_SIGNATURE_BYTES:
            said = ran.stderr.decode("utf-8", "replace").strip()[-200:]
            raise _unreachable(f"the signing command ended with status {ran.returncode}: {said}")
        return ran.stdout

    signer = CallbackSigner(sign, described.algorithm, described.chain_pem, described.root_pem)
    _require_own_key(
        signer, described, "signer_command_unusable", "let the command sign with the first certificate's key"
    )
    return signer


class _Pkcs11Key:
    """Signs with a key in a token. A session a signature: a token may be pulled and come back."""

    def __init__(self, library: Any, module: str, token: str, pin: str, key_label: str, algorithm: str) -> None:
        self._library, self._module, self._token = library, module, token
        self._pin, self._key_label, self._algorithm = pin, key_label, algorithm

    def __call__(self, message: bytes) -> bytes:
        pkcs11 = self._library
        try:
            token = pkcs11.lib(self._module).get_token(token_label=self._token)
            with token.open(user_pin=self._pin) as session:
                key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self._key_label)
                if self._algorithm == "ed25519":
                    return bytes(key.sign(message, mechanism=pkcs11.Mechanism.EDDSA))
                digest = hashes.Hash(hashes.SHA256() if self._algorithm == "es256" else hashes.SHA384())
                digest.update(message)
                return bytes(key.sign(digest.finalize(), mechanism=pkcs11.Mechanism.ECDSA))
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise _unreachable(f"the PKCS#11 token cannot sign: {type(error).__name__} {error}".rstrip()) from error


def _require_own_key(signer: CallbackSigner, described: ChainFile, code: str, hint: str) -> None:
    """Sign something once and check it with the certificate: a wrong key is found at start-up."""
    message = b"reelproof signer check"
    try:
        signature = signer.sign(message)
        _VERIFY[described.algorithm](described.leaf.public_key(), signature, message)
    except Exception as error:  # InvalidSignature, ValueError, or what the token or program raised
        raise ConfigurationError(
            f"the configured signer does not sign for its certificate: {error or type(error).__name__}",
            code=code,
            hint=hint,
        ) from error


def _verify_ecdsa(digest: hashes.HashAlgorithm) -> Callable[[Any, bytes, bytes], None]:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    def verify(key: Any, signature: bytes, message: bytes) -> None:
        half = len(signature) // 2
        der = encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
        key.verify(der, message, ec.ECDSA(digest))

    return verify


_VERIFY: dict[str, Callable[[Any, bytes, bytes], None]] = {
    "es256": _verify_ecdsa(hashes.SHA256()),
    "es384": _verify_ecdsa(hashes.SHA384()),
    "ed25519": lambda key, signature, message: key.verify(signature, message),
}


def _algorithm(path: Path, leaf: x509.Certificate) -> str:
    key = leaf.public_key()
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in ("secp256r1", "secp384r1"):
        return f"es{key.curve.key_size}"
    raise _bad_chain(path, "its leaf has neither a P-256, a P-384 nor an Ed25519 key")


def _bad_chain(path: Path, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"the signer's certificate chain {path.name} cannot be used: {problem}",
        code="bad_signer_chain",
        hint="give one PEM file: the leaf first, then each issuer, the root last",
    )


def _unreachable(problem: str) -> ServiceUnreachable:
    return ServiceUnreachable(
        problem, code="signer_unreachable", hint="check that the key can be reached and used, then try again"
    )
