"""Certificates of the laboratory: a public authority that everybody trusts, and one that nobody does."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Authorities", "Shown"]

_SCT = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_DAY = dt.timedelta(days=1)
_ROOT_DAYS = 4000


class Shown(StrEnum):
    """What a server shows for its name."""

    GOOD = "good"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    EARLY = "early"
    OTHER_NAME = "other-name"


@dataclass(slots=True)
class _Authority:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    public: bool


class Authorities:
    """Both authorities and the leaves they signed, as files below a folder.

    Attributes:
        bundle: The CA file of a machine that trusts the public one.
    """

    def __init__(self, folder: Path, now: dt.datetime) -> None:
        self._folder = folder
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._public = self._authority("Laboratory Root R1", "Public Trust Laboratory", public=True)
        self._private = self._authority("Example Corp Inspection CA", "Example Corp", public=False)
        self._contexts: dict[tuple[str, Shown, bool], ssl.SSLContext] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.bundle = folder / "bundle.pem"
        self.bundle.write_bytes(self._public.certificate.public_bytes(serialization.Encoding.PEM))

    def trust_inspection(self) -> None:
        """Let machines trust the private authority too, as a company's computers do."""
        with self.bundle.open("ab") as file:
            file.write(self._private.certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, host: str, shown: Shown, *, h2: bool) -> ssl.SSLContext:
        """What a server of this name speaks with."""
        key = (host, shown, h2)
        if key not in self._contexts:
            made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            made.load_cert_chain(self._leaf(host, shown))
            made.set_alpn_protocols(["h2", "http/1.1"] if h2 else ["http/1.1"])
            self._contexts[key] = made
        return self._contexts[key]

    def _authority(self, common: str, organisation: str, *, public: bool) -> _Authority:
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
                x509.NameAttribute(NameOID.COMMON_NAME, common),
            ]
        )
        key = ec.generate_private_key(ec.SECP256R1())
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _ROOT_DAYS * _DAY)
            .not_valid_after(self._now + _ROOT_DAYS * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return _Authority(name, key, built, public)

    def _leaf(self, host: str, shown: Shown) -> Path:
        file = self._folder / f"{host.replace(':', '_')}-{shown}.pem"
        authority = self._private if shown is Shown.UNKNOWN else self._public
        name = "other.example.net" if shown is Shown.OTHER_NAME else host
        begin, end = {
            Shown.EXPIRED: (self._now - 90 * _DAY, self._now - 2 * _DAY),
            Shown.EARLY: (self._now + 300 * _DAY, self._now + 500 * _DAY),
        }.get(shown, (self._now - 30 * _DAY, self._now + 60 * _DAY))
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(authority.name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.SubjectAlternativeName([_general(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        )
        if authority.public:
            builder = builder.add_extension(x509.UnrecognizedExtension(_SCT, _timestamps()), critical=False)
        signed = builder.sign(authority.key, hashes.SHA256())
        plain = serialization.NoEncryption()
        file.write_bytes(
            self._key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
            + signed.public_bytes(serialization.Encoding.PEM)
        )
        return file


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _timestamps() -> bytes:
    """One timestamp of a certificate log that does not exist: public certificates carry such lists."""
    signature = b"\x04\x03" + (70).to_bytes(2) + bytes(70)
    entry = b"\x00" + bytes(range(32)) + (1_700_000_000_000).to_bytes(8) + b"\x00\x00" + signature
    listed = len(entry).to_bytes(2) + entry
    content = len(listed).to_bytes(2) + listed
    return b"\x04" + bytes([len(content)]) + content  # an OCTET STRING of less than 128 bytes
