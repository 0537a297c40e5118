"""Which certificates this machine accepts, and what is wrong with one that it does not.

The order of the questions is go's (crypto/x509 Verify): the time, then the name, then the authority; a common
name counts for nothing. Roots come from where go takes them: on Linux SSL_CERT_FILE in place of the bundle
and SSL_CERT_DIR in place of the folders, both being read; on macOS and Windows the system alone.
"""

from __future__ import annotations

import hashlib
import ssl
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID

from modgate.client.findings import Phase
from modgate.client.machine.host import System
from modgate.client.net.facts import Certificate, Failure, FailureKind
from modgate.client.net.names import matches_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Trust"]

_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")
_AUTHORITY_CODES = frozenset({2, 18, 19, 20, 21, 24, 27})
_MOST_FILES = 1000


class Trust:
    """The roots of one machine, loaded once.

    Args:
        environ: Holds SSL_CERT_FILE and SSL_CERT_DIR.
        system: Which rules hold.
        clock: Seconds since 1970.
    """

    def __init__(self, environ: Mapping[str, str], system: System, clock: Callable[[], float]) -> None:
        self._environ = environ
        self._system = system
        self._clock = clock
        self._contexts: dict[tuple[bool, tuple[str, ...]], ssl.SSLContext] = {}

    def context(self, protocols: tuple[str, ...], *, blind: bool = False) -> ssl.SSLContext:
        """For a handshake that offers these ALPN protocols; `blind` accepts whatever is shown."""
        key = (blind, protocols)
        if key not in self._contexts:
            made = self._blind() if blind else self._strict()
            made.minimum_version = ssl.TLSVersion.TLSv1_2
            if protocols:
                made.set_alpn_protocols(list(protocols))
            self._contexts[key] = made
        return self._contexts[key]

    def judge(self, shown: Certificate | None, name: str, error: ssl.SSLCertVerificationError) -> Failure:
        """What is wrong with a certificate that was refused with this error."""
        if shown is None:
            return Failure(Phase.TLS, FailureKind.CERTIFICATE, error.verify_message or str(error))
        now = self._clock()
        if now < shown.not_before or error.verify_code == 9:
            return Failure(Phase.TLS, FailureKind.NOT_YET_VALID, error.verify_message)
        if now > shown.not_after or error.verify_code == 10:
            return Failure(Phase.TLS, FailureKind.EXPIRED, error.verify_message)
        if not shown.names:
            return Failure(Phase.TLS, FailureKind.CERTIFICATE, f"legacy Common Name {shown.subject}")
        if not matches_name(shown.names, name):
            return Failure(Phase.TLS, FailureKind.WRONG_NAME, ", ".join(shown.names[:8]))
        if error.verify_code in _AUTHORITY_CODES or self._system is not System.LINUX:
            return Failure(Phase.TLS, FailureKind.UNKNOWN_AUTHORITY, shown.issuer)
        return Failure(Phase.TLS, FailureKind.CERTIFICATE, error.verify_message)

    def describe(self, tls: ssl.SSLObject, *, trusted: bool) -> Certificate | None:
        """What the other side showed; None where it cannot be read."""
        shown = tls.getpeercert(binary_form=True)
        if not shown:
            return None
        chain = _chain(tls, verified=trusted and self._system is System.LINUX) or [shown]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", CryptographyDeprecationWarning)
                leaf, last = x509.load_der_x509_certificate(shown), x509.load_der_x509_certificate(chain[-1])
                return Certificate(
                    names=_names(leaf),
                    issuer=_short(leaf.issuer),
                    not_before=leaf.not_valid_before_utc.timestamp(),
                    not_after=leaf.not_valid_after_utc.timestamp(),
                    trusted=trusted,
                    sha256=hashlib.sha256(shown).hexdigest(),
                    chain_root=_short(last.issuer),
                    subject=_short(leaf.subject),
                    self_signed=leaf.issuer == leaf.subject,
                    logged=_logged(leaf),
                )
        except ValueError:
            return None

    def _strict(self) -> ssl.SSLContext:
        if self._system is not System.LINUX:
            import truststore  # noqa: PLC0415  loads the system's libraries

            made: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            return made
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with suppress(AttributeError, OSError):
            made.hostname_checks_common_name = False
        named = self._environ.get("SSL_CERT_FILE")
        loaded = next((file for file in ((named,) if named else _FILES) if _load(made, file)), "")
        folders = self._environ.get("SSL_CERT_DIR")
        if folders:
            for folder in folders.split(":"):
                _load_folder(made, Path(folder), "", links=True)
            return made
        for folder in _FOLDERS:
            with suppress(OSError, ssl.SSLError):
                made.load_verify_locations(capath=folder)
            # What links lead to is in the usual bundle, or found by its hash; without that bundle it counts.
            _load_folder(made, Path(folder), loaded, links=bool(named))
        return made

    def _blind(self) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        return made


def _load(context: ssl.SSLContext, file: str) -> bool:
    try:
        # OpenSSL would wait for a pipe that nobody writes to.
        if not Path(file).is_file():
            return False
        context.load_verify_locations(cafile=file)
    except (OSError, ssl.SSLError):
        return False
    return True


def _load_folder(context: ssl.SSLContext, folder: Path, loaded: str, *, links: bool) -> None:
    """Every file of a folder, whatever its name, as go does; links to a neighbour are that neighbour."""
    with suppress(OSError):
        for file in sorted(folder.iterdir())[:_MOST_FILES]:
            if str(file) == loaded:
                continue
            if file.is_symlink() and (not links or "/" not in str(file.readlink())):
                continue
            _load(context, str(file))


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    assert isinstance(found, x509.SubjectAlternativeName)
    return (
        *found.get_values_for_type(x509.DNSName),
        *(str(address) for address in found.get_values_for_type(x509.IPAddress)),
    )


def _logged(leaf: x509.Certificate) -> bool:
    try:
        leaf.extensions.get_extension_for_oid(ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return True


def _short(name: x509.Name) -> str:
    common = [str(item.value) for item in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    organisation = [str(item.value) for item in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    if common and organisation and organisation[0] not in common[0]:
        return f"{common[0]} ({organisation[0]})"
    return next(iter(common + organisation), name.rfc4514_string())


def _chain(tls: ssl.SSLObject, *, verified: bool) -> list[bytes]:
    """The chain as DER, leaf first; Python has a public way to it since 3.13 only."""
    method = "get_verified_chain" if verified else "get_unverified_chain"
    public = getattr(tls, method, None)
    if public is not None:
        return list(public())
    inner = getattr(getattr(tls, "_sslobj", None), method, None)
    return [bytes(item.public_bytes(_DER)) for item in inner() or []] if inner is not None else []


_DER = 2
"""`_ssl.ENCODING_DER`."""
