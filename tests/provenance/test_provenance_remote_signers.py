"""Signers whose key is elsewhere: a PKCS#11 token (SoftHSM2) and a program, each signing real clips."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_public_key

from core.errors import ConfigurationError, ServiceUnreachable
from provenance import certificates
from provenance.manifest import ManifestFacts
from provenance.reading import read_manifest
from provenance.remote_signers import ChainFile, command_signer, pkcs11_signer
from provenance.signing import SigningFailed, sign_clip
from provenance.trust import OWN_LIST, TrustStore

Facts = Callable[..., ManifestFacts]
NOW = datetime.now(UTC)
PIN, TOKEN, KEY = "4711", "reelproof-test", "claims"
MODULES = (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib64/libsofthsm2.so"))


def chain_for(public_key: ec.EllipticCurvePublicKey, path: Path) -> Path:
    """A chain file for a key whose private half is elsewhere."""
    root = certificates.make_root("Test", "ZZ", NOW)
    issuing = certificates.make_issuing_ca(root, "Test", "ZZ", NOW)

    class Elsewhere:
        def public_key(self) -> ec.EllipticCurvePublicKey:
            return public_key

    leaf = certificates.make_leaf(issuing, Elsewhere(), "Test", "ZZ", NOW)  # type: ignore[arg-type]
    path.write_text(certificates.to_pem(leaf, issuing.certificate, root.certificate))
    return path


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A SoftHSM2 token with a P-256 key that never leaves it: the module and the chain of its certificate."""
    pkcs11 = pytest.importorskip("pkcs11", reason="needs reelproof[pkcs11]")
    module = next((one for one in MODULES if one.exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("needs SoftHSM2: sh scripts/install-test-services.sh")
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", "8888"],
        check=True,
        capture_output=True,
    )
    from pkcs11.util.ec import encode_ec_public_key, encode_named_curve_parameters

    with pkcs11.lib(str(module)).get_token(token_label=TOKEN).open(rw=True, user_pin=PIN) as session:
        curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
        public, _ = parameters.generate_keypair(store=True, label=KEY)
        key = load_der_public_key(encode_ec_public_key(public))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return module, chain_for(key, folder / "chain.pem")


def test_a_token_signs_a_clip(token: tuple[Path, Path], plain_mp4: Path, tmp_path: Path, some_facts: Facts) -> None:
    """The key never leaves the token; the clip reads as ours by the chain's root."""
    signer = pkcs11_signer(token[0], TOKEN, PIN, KEY, token[1])
    assert signer.algorithm == "es256"
    sign_clip(plain_mp4, tmp_path / "a.mp4", some_facts(), signer)
    report = read_manifest(tmp_path / "a.mp4", TrustStore.default(own_root_pem=signer.root_pem))
    assert report.is_intact
    assert report.trust_list == OWN_LIST


@pytest.mark.parametrize(
    ("name", "pin", "key"), [("nosuch", PIN, KEY), (TOKEN, "0000", KEY), (TOKEN, PIN, "nosuch")]
)
def test_a_token_that_cannot_be_used_is_named_at_start(
    token: tuple[Path, Path], name: str, pin: str, key: str
) -> None:
    """Wrong token, PIN or key: a configuration error before any clip is made."""
    with pytest.raises(ConfigurationError) as caught:
        pkcs11_signer(token[0], name, pin, key, token[1])
    assert caught.value.code == "pkcs11_unusable"
    assert pin not in str(caught.value)


def test_another_keys_certificate_is_noticed(token: tuple[Path, Path], tmp_path: Path) -> None:
    """The token signs, but not for this certificate."""
    chain = chain_for(ec.generate_private_key(ec.SECP256R1()).public_key(), tmp_path / "chain.pem")
    with pytest.raises(ConfigurationError):
        pkcs11_signer(token[0], TOKEN, PIN, KEY, chain)


@pytest.fixture
def program(tmp_path: Path) -> tuple[tuple[str, ...], Path]:
    """A program that signs as cloud key services do: DER on stdout; and its chain."""
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "cloud.pem").write_bytes(pem)
    command = ("openssl", "dgst", "-sha256", "-sign", str(tmp_path / "cloud.pem"))
    return command, chain_for(key.public_key(), tmp_path / "chain.pem")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_a_program_signs_a_clip(
    program: tuple[tuple[str, ...], Path], plain_mp4: Path, tmp_path: Path, some_facts: Facts
) -> None:
    """Bytes in, DER signature out; when the key is gone, nothing is published and the cause is kept."""
    signer = command_signer(*program)
    sign_clip(plain_mp4, tmp_path / "out" / "a.mp4", some_facts(), signer)
    own = TrustStore.default(own_root_pem=signer.root_pem)
    assert read_manifest(tmp_path / "out" / "a.mp4", own).trust_list == OWN_LIST
    (tmp_path / "cloud.pem").unlink()
    with pytest.raises(SigningFailed) as caught:
        sign_clip(plain_mp4, tmp_path / "none" / "a.mp4", some_facts(), signer)
    assert isinstance(caught.value.__cause__, ServiceUnreachable)
    assert list((tmp_path / "none").iterdir()) == []


@pytest.mark.parametrize("source", ["", "import sys; sys.exit(3)", "print('no signature')", "print('x' * 999)"])
def test_a_program_that_does_not_sign_is_named_at_start(program: tuple[tuple[str, ...], Path], source: str) -> None:
    """Silence, a failure, text, too much: a configuration error before any clip is made."""
    with pytest.raises(ConfigurationError) as caught:
        command_signer((sys.executable, "-c", source), program[1])
    assert caught.value.code == "signer_command_unusable"


@pytest.mark.parametrize("content", ["", "nonsense", "leaf only", "wrong order"])
def test_a_chain_that_is_none_is_refused(
    program: tuple[tuple[str, ...], Path], tmp_path: Path, content: str
) -> None:
    """Empty, garbled, without a root, or in another order."""
    parts = program[1].read_text().split("-----BEGIN")
    pem = ["-----BEGIN" + part for part in parts[1:]]
    text = {"leaf only": pem[0], "wrong order": "".join(pem[::-1])}.get(content, content)
    (tmp_path / "bad.pem").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        ChainFile.read(tmp_path / "bad.pem")
    assert caught.value.code == "bad_signer_chain"
