"""Which repositories the go command is sent to.

1. Only https, and http where the operator named the module as insecure. What goes over ssh, svn:// or
   bzr:// connects past the guarded way out, so it is refused.
2. Mercurial's client keeps to http and to its proxy when a server redirects it, and Go trusts it with
   public repositories. Subversion's follows a redirect to file:, svn: and svn+ssh: (1.14), Fossil's one
   past its proxy (2.21), and both and Bazaar are by Go's own rule (GOVCS) for private repositories only:
   these three are for hosts that the operator named.
3. The go command derives the address of a path such as `host/repo.hg/sub` itself, so it cannot be
   another one; every other path is told its repository by a page (see `page`).

Sources: cmd/go/internal/vcs, vcsPaths and defaultGOVCS.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.errors import Invalid, Unavailable
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.texts import shown
from modgate.vcs.gocmd.programs import SYSTEMS

if TYPE_CHECKING:
    from modgate.transport.reach import Reach
    from modgate.vcs.roots import RepositoryRoot

__all__ = ["Place", "check_revision", "place_of"]

_DERIVED = re.compile(
    r"((?:[a-z0-9.-]+\.)+[a-z0-9.-]+(?::[0-9]+)?(?:/~?[\w.-]+)+?)\.(?:bzr|fossil|git|hg|svn)(?:/~?[\w.-]+)*",
    re.ASCII,
)
_URL = re.compile(r"https?://[A-Za-z0-9\[][^\s\x00-\x20\"'<>\\^`{|}\x7f]*")
_SUBDIR = re.compile(r"[\w.~+-]+(?:/[\w.~+-]+)*")
# No character of Mercurial's or Bazaar's query languages beyond what names hold, and no option.
_REVISION = re.compile(r"\w(?:[\w~+-]|\.(?!\.))*")
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class Place:
    """A repository that may be asked.

    Attributes:
        root: The prefix of module paths that is the repository's root.
        vcs: `hg`, `svn`, `fossil` or `bzr`.
        url: Its address, https or http.
        subdir: The folder that is the root.
        told: The go command learns the address from a page; else it derives it from the path.
        host: The host of the address.
        port: Its port.
    """

    root: str
    vcs: str
    url: str
    subdir: str
    told: bool
    host: str
    port: int

    @property
    def https(self) -> bool:
        """Whether the repository is asked over TLS."""
        return self.url.startswith("https:")


def place_of(root: RepositoryRoot, path: str, *, insecure: str, trusted: Reach) -> Place:
    """The place of a module's repository.

    `insecure` holds the globs of modules whose repositories may be asked over http; `trusted` the hosts
    that the operator named. Raises Unavailable where the address is one that cannot be guarded or served
    so, with the reason; Invalid for a path under an address.
    """
    where = path
    if root.vcs not in SYSTEMS:
        raise Unavailable(f"no version control system {shown(root.vcs)} is known", where=where)
    title = SYSTEMS[root.vcs][1]
    if path != root.root and not path.startswith(root.root + "/"):
        raise Unavailable(f"the repository's root {shown(root.root)} is no prefix of it", where=where)
    _check_first_element(path)
    scheme = root.url.partition("://")[0]
    if scheme not in {"https", "http"}:
        raise Unavailable(
            f"{title} over {shown(scheme)} cannot be kept to the guarded way out: https only",
            where=where,
            next_step="Serve the repository over https, or move it to git.",
        )
    split = _split(root.url, where)
    if root.subdir and (".." in root.subdir.split("/") or not _SUBDIR.fullmatch(root.subdir)):
        raise Unavailable(f"the folder {shown(root.subdir)} cannot hold a module", where=where)
    if scheme == "http" and not match_prefix_patterns(insecure, path):
        raise Unavailable(
            "its repository is at an http:// address, which anybody on the way can change",
            where=where,
            next_step="Serve it over https, or name the module in vcs.insecure.",
        )
    host, port = split
    if root.vcs != "hg" and not trusted.allows(host, port):
        raise Unavailable(
            f"{title}'s client is let out only to hosts that the configuration names, not to {shown(host)}",
            where=where,
            next_step=f'If you trust that host: vcs.internal_hosts = ["{host}"].',
        )
    derived = _DERIVED.fullmatch(path)
    if derived is not None:
        _check_derived(root, derived[1], where)
    return Place(root.root, root.vcs, root.url, root.subdir, derived is None, host, port)


def check_revision(revision: str, where: str) -> None:
    """Raise Invalid for what is no plain name of a version, branch, tag or commit."""
    if len(revision) > _LONGEST or not _REVISION.fullmatch(revision):
        raise Invalid(f"{shown(revision)} is no name of a revision", where=where)


def _check_first_element(path: str) -> None:
    """The go command goes to these past every proxy."""
    host = path.partition("/")[0]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost") or "." not in host:
            raise Invalid("such a path has no repository", where=path) from None
    else:
        raise Invalid("a path under an address has no repository", where=path)


def _split(url: str, where: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    host = parts.hostname or ""
    if not _URL.fullmatch(url) or not host or host.startswith("-") or parts.query or parts.fragment:
        raise Unavailable(f"{shown(url.rpartition('@')[2])} is no address of a repository", where=where)
    if parts.username is not None or parts.password is not None:
        raise Unavailable(
            "the repository's address holds a name or password",
            where=where,
            next_step="It belongs into [[credentials]].",
        )
    return host, port


def _check_derived(root: RepositoryRoot, repository: str, where: str) -> None:
    scheme, _, rest = root.url.partition("://")
    if rest != repository:
        raise Unavailable(
            f"the go command derives the address https://{repository} from such a path; "
            f"it cannot be told {shown(root.url)}",
            where=where,
            next_step="Use a module path that does not name the version control system.",
        )
    if scheme == "http" and root.vcs in {"svn", "bzr"}:
        raise Unavailable(
            f"for such a path the go command would also try {root.vcs}://, which cannot be guarded",
            where=where,
            next_step="Serve the repository over https.",
        )
