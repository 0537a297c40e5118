"""Certificates that are wrong in one way each, made when they are needed and kept by nobody.

go checks the dates first, then the name, then the authority, so a certificate that nobody signed shows each
of the three faults. Source: crypto/x509, Certificate.Verify.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["shown_certificate"]

_BEGIN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_PAST = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
_END = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)


def shown_certificate(fault: str, folder: Path) -> ssl.SSLContext:
    """A server's TLS context with the certificate of `tls-untrusted`, `tls-name` or `tls-expired`.

    `folder` holds the key while it is loaded and may be deleted afterwards.
    """
    from cryptography import x509  # noqa: PLC0415  only for drills with TLS
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  likewise
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  likewise
    from cryptography.x509.oid import NameOID  # noqa: PLC0415  likewise

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "modgate drill")])
    names: list[x509.GeneralName] = (
        [x509.DNSName("other.modgate.invalid"), x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]
        if fault == "tls-name"
        else [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_PAST if fault == "tls-expired" else _END)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    both = folder / "both.pem"
    both.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context
