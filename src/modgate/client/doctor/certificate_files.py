"""SSL_CERT_FILE and SSL_CERT_DIR, and whether there are CA certificates at all.

On Linux go reads the first bundle of a list that is there, or SSL_CERT_FILE in its place, and then the
folders, or those of SSL_CERT_DIR. On macOS and Windows both variables are ignored. Source:
crypto/x509/root_unix.go, root_linux.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import system
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.host import System
from modgate.client.machine.showing import safe
from modgate.client.repair.plan import Repair
from modgate.errors import Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.host import Host

__all__ = ["CHECK"]

_BUNDLES = (
    *("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"),
    *("/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"),
)
_FOLDERS = ("/etc/ssl/certs", "/etc/pki/tls/certs")
_MARK = b"-----BEGIN"


async def _run(scene: Scene) -> Result:
    host = scene.host
    named = {name: host.environ.get(name, "") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    if host.system is not System.LINUX:
        ignored = tuple(
            Finding(system.CERT_FILE_IGNORED, {"variable": name}, impact=Impact.NOTE, subject=name)
            for name, text in named.items()
            if text
        )
        return Result(findings=ignored)
    bundles = [named["SSL_CERT_FILE"]] if named["SSL_CERT_FILE"] else list(_BUNDLES)
    folders = named["SSL_CERT_DIR"].split(":") if named["SSL_CERT_DIR"] else list(_FOLDERS)
    bundle = next((path for path in bundles if _has_certificates(host, path)), "")
    filled = [path for path in folders if path and _folder_has_certificates(host, path)]
    trusted = bool(bundle or filled)
    findings: list[Finding] = []
    if named["SSL_CERT_FILE"] and not bundle:
        findings.append(_missing("SSL_CERT_FILE", named["SSL_CERT_FILE"], trusted=trusted))
    if named["SSL_CERT_DIR"] and not filled:
        findings.append(_missing("SSL_CERT_DIR", named["SSL_CERT_DIR"], trusted=trusted))
    if not trusted and not findings:
        tried = Evidence(raw=", ".join((*bundles, *folders)))
        findings.append(Finding(system.NO_CA_STORE, evidence=(tried,), subject="certificates"))
    facts = (Message("settings.certificates", {"path": bundle or filled[0]}),) if trusted else ()
    return Result(findings=tuple(findings), facts=facts)


def _missing(name: str, path: str, *, trusted: bool) -> Finding:
    """With certificates elsewhere go still trusts those, and only what the file should add is missing."""
    cause = system.CERT_FILE_EMPTY if trusted else system.CERT_FILE_MISSING
    return Finding(
        cause,
        {"variable": name, "path": safe(path)},
        impact=Impact.RISK if trusted else Impact.BLOCKS,
        subject=name,
        repair=Repair(commands=(f"unset {name}",)),
    )


def _has_certificates(host: Host, path: str) -> bool:
    try:
        return _MARK in (host.read(host.path(path)) or b"")
    except Unavailable:
        return False


def _folder_has_certificates(host: Host, path: str) -> bool:
    folder = host.path(path)
    try:
        names = host.listdir(folder)
    except Unavailable:
        return False
    return any(_has_certificates(host, str(folder / name)) for name in names[:400])


CHECK = Check("certificate-files", run=_run, network=False, groups=("SYS",))
