"""A module's origin: which repository it is, whether git gets in, whether the version is there.

As go does it, with three differences: nothing is fetched but the list of refs, nothing is written, and git
may neither ask a person nor wait. git runs with the person's own configuration, because its credential
helpers and `insteadOf` are what is being tried, but with no protocol beside https and ssh, and with a URL
that cannot be read as an option.

Sources: vcs/vcs.go (vcsPaths, RepoRootForImportPath) and modfetch/codehost/git.go in cmd/go/internal.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.client.causes import vcs
from modgate.client.doctor.failures import host_of, said, went_wrong
from modgate.client.doctor.git_words import meaning_of, telling_line
from modgate.client.doctor.goimport import go_imports
from modgate.client.findings import Evidence, Finding, Impact, Phase
from modgate.errors import Absent, ModgateError
from modgate.gomod.proxylist import redacted
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.doctor.asked import Asked
    from modgate.client.doctor.scene import Scene
    from modgate.client.findings import Cause

__all__ = ["Origin", "ask_origin", "git_environment"]

_FORGES = frozenset({"github.com", "bitbucket.org"})
_SAFE_URL = re.compile(r"(https|ssh|git\+ssh)://[A-Za-z0-9\[][^\s\x00-\x1f]*")
_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of a module's origin.

    Attributes:
        repository: Its URL, credentials taken out; empty where it could not be found out.
        has: The version is there (or the repository, where no version was asked for).
        finding: Why git does not get in, or why the version is not there.
        inside: Its host has a private address: only this network has it.
        evidence: How that is known.
    """

    repository: str = ""
    has: bool = False
    finding: Finding | None = None
    inside: bool = False
    evidence: tuple[Evidence, ...] = ()


def git_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The person's environment, in which git asks nobody and pages nothing."""
    kept = {name: value for name, value in environ.items() if name not in {"GIT_DIR", "GIT_WORK_TREE"}}
    ssh = environ.get("GIT_SSH_COMMAND") or "ssh -o ControlMaster=no -o BatchMode=yes -o ConnectTimeout=5"
    return kept | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GCM_INTERACTIVE": "never",
        "GIT_PAGER": "cat",
        "GIT_ALLOW_PROTOCOL": "https:ssh:git+ssh",
        "GIT_SSH_COMMAND": ssh,
    }


async def ask_origin(scene: Scene, module: Asked, *, subject: str = "") -> Origin:
    """Find the repository of a module and list its refs. Nothing is raised for what the origin does."""
    about = subject or f"direct:{module.path}"
    inside, evidence = await _is_inside(scene, module.path.partition("/")[0])
    repositories, finding = await _repositories(scene, module)
    origin = Origin("", has=False, finding=finding, inside=inside, evidence=evidence)
    if finding is None:
        origin = await _listed(scene, module, repositories, origin)
    if origin.finding is not None:
        origin = replace(origin, finding=replace(origin.finding, subject=about))
    return origin


async def _is_inside(scene: Scene, host: str) -> tuple[bool, tuple[Evidence, ...]]:
    found = await scene.net.resolve(host)
    private = [address for address in found.addresses if _is_private(address)]
    if not private or len(private) < len(found.addresses):
        return False, ()
    values: dict[str, str | int | float | Message] = {"host": host, "address": private[0]}
    return True, (Evidence(Message("module.proof.inside", values)),)


def _is_private(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_private
    except ValueError:
        return False


async def _repositories(scene: Scene, module: Asked) -> tuple[list[str], Finding | None]:
    """The URLs under which go would look for the repository, in order; or why there are none."""
    elements = module.path.split("/")
    for index, element in enumerate(elements):
        if element.endswith(".git") and index > 0:
            root = "/".join(elements[: index + 1]).removesuffix(".git")
            return [f"https://{root}", f"ssh://{root}"], None
    if elements[0] in _FORGES and len(elements) >= 3:
        return [f"https://{'/'.join(elements[:3])}"], None
    return await _by_page(scene, module)


async def _by_page(scene: Scene, module: Asked) -> tuple[list[str], Finding | None]:
    url = f"https://{module.path}?go-get=1"
    page = await scene.net.get(url)
    host = module.path.partition("/")[0]
    proof = (Evidence(raw=f"{page.status or 'no answer'}: {said(page)}", source=redacted(url)),)
    wrong = went_wrong(page, f"https://{host}", module=module.path)
    if page.failure is not None and wrong is not None:
        cause = vcs.HOST_UNRESOLVED if page.failure.phase is Phase.DNS else vcs.FETCH_FAILED
        words = page.failure.text or page.failure.kind.value
        return [], Finding(cause, {"host": host, "text": words}, Impact.BLOCKS, 0.9, wrong.evidence)
    found = go_imports(page.body, module.path)
    if not found:
        text = said(page) if page.status == 200 else f"HTTP {page.status}"
        return [], Finding(vcs.NO_GO_IMPORT, {"module": module.path, "text": text}, Impact.BLOCKS, 0.9, proof)
    repository = found[0].repository
    if repository.startswith("http://"):
        values = {"module": module.path, "text": redacted(repository)}
        return [], Finding(vcs.INSECURE_REPOSITORY, values, Impact.BLOCKS, 0.9, proof)
    return ([repository] if found[0].vcs == "git" else []), None


async def _listed(scene: Scene, module: Asked, repositories: list[str], origin: Origin) -> Origin:
    failures: list[tuple[str, Cause, str]] = []
    for url in repositories:
        if not _SAFE_URL.fullmatch(url):
            continue
        try:
            ran = await scene.host.run(
                ("git", "ls-remote", "--", url), limit=_SECONDS, environ=git_environment(scene.host.environ)
            )
        except Absent:
            return replace(origin, finding=Finding(vcs.PROGRAM_MISSING, {"program": "git"}))
        except ModgateError as error:
            failures.append((url, vcs.FETCH_FAILED, error.what))
            continue
        if ran.status == 0:
            return _with_version(module, url, ran.stdout, origin)
        failures.append((url, meaning_of(ran.stderr), telling_line(ran.stderr)))
    if not failures:
        return origin
    return replace(origin, repository=redacted(failures[0][0]), finding=_refused(module, failures))


def _with_version(module: Asked, url: str, listing: str, origin: Origin) -> Origin:
    shown_url = redacted(url)
    names = {line.partition("\t")[2] for line in listing.splitlines()}
    if not module.canonical or re.search(r"-(?:0\.)?[0-9]{14}-[0-9a-f]{12}", module.version):
        return replace(origin, repository=shown_url, has=True)
    version = module.version.removesuffix("+incompatible")
    found = any(name.endswith(f"/{version}") and name.startswith("refs/tags/") for name in names)
    if found:
        return replace(origin, repository=shown_url, has=True)
    proof = Evidence(
        Message("module.proof.no_tag", {"version": version}), source=f"git ls-remote {shown_url}"
    )
    values = {"module": str(module), "text": version}
    return replace(
        origin,
        repository=shown_url,
        finding=Finding(vcs.UNKNOWN_REVISION, values, Impact.BLOCKS, 0.9, (proof,)),
    )


def _refused(module: Asked, failures: list[tuple[str, Cause, str]]) -> Finding:
    url, cause, text = failures[0]
    evidence = tuple(
        Evidence(raw=words, source=f"git ls-remote {redacted(tried)}") for tried, _, words in failures
    )
    if len(failures) > 1:
        cause = vcs.NO_SECURE_PROTOCOL
    values = {
        "host": host_of(url),
        "repository": redacted(url),
        "module": str(module),
        "text": text,
        "program": "git",
    }
    return Finding(cause, {name: values[name] for name in cause.values}, Impact.BLOCKS, 0.95, evidence)
