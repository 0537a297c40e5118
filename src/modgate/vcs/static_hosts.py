"""Where a repository is without asking anybody: the hosts and suffixes that the go command knows.

github.com, bitbucket.org, hub.jazz.net, git.apache.org, git.openstack.org and chiselapp.com have rules of
their own; everywhere a path element that ends in `.git`, `.hg`, `.svn`, `.fossil` or `.bzr` ends the
repository's root. gopkg.in is known as well: what its pages say follows from the path.
Sources: cmd/go/internal/vcs/vcs.go (vcsPaths); the rules at gopkg.in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from modgate.errors import Absent
from modgate.vcs.goimport import has_path_prefix
from modgate.vcs.roots import RepositoryRoot

__all__ = ["VCS_NAMES", "static_root", "suffix_vcs"]

VCS_NAMES = ("bzr", "fossil", "git", "hg", "svn")

_REST = r"(?:/[\w.\-]+)*\Z"
_WORD = re.compile(r"~?[\w.\-]+\Z", re.ASCII)
_HOST = re.compile(r"[a-z0-9.\-]+\.[a-z0-9.\-]+(?::[0-9]+)?\Z")
_SUFFIX = re.compile(r"(?P<stem>~?[\w.\-]+)\.(?P<vcs>bzr|fossil|git|hg|svn)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Host:
    prefix: str
    pattern: re.Pattern[str]
    vcs: str = "git"
    no_suffix: bool = False


def _host(prefix: str, root: str, rest: str = _REST, *, vcs: str = "git", no_suffix: bool = False) -> _Host:
    return _Host(prefix, re.compile(f"(?P<root>{root}){rest}", re.ASCII), vcs, no_suffix)


_HOSTS = (
    _host("github.com", r"github\.com/[\w.\-]+/[\w.\-]+", no_suffix=True),
    _host("bitbucket.org", r"bitbucket\.org/[\w.\-]+/[\w.\-]+", no_suffix=True),
    _host("hub.jazz.net/git", r"hub\.jazz\.net/git/[a-z0-9]+/[\w.\-]+", no_suffix=True),
    _host("git.apache.org", r"git\.apache\.org/[a-z0-9_.\-]+\.git"),
    _host("git.openstack.org", r"git\.openstack\.org/[\w.\-]+/[\w.\-]+", r"(?:\.git)?(?:/[\w.\-]+)*\Z"),
    _host("chiselapp.com", r"chiselapp\.com/user/[A-Za-z0-9]+/repository/[\w.\-]+", r"\Z", vcs="fossil"),
)
_GOPKG = re.compile(
    r"(?P<root>gopkg\.in/(?:[a-zA-Z0-9][-a-zA-Z0-9]+/)?[a-zA-Z][-.a-zA-Z0-9]*"
    r"\.v(?:0|[1-9][0-9]*)(?:-unstable)?)(?:/[\w.\-]+)*\Z",
    re.ASCII,
)


def static_root(path: str) -> RepositoryRoot | None:
    """The root that a rule gives; None where the host's page must be asked.

    Raises Absent for a path that its host's rule excludes.
    """
    for host in _HOSTS:
        if not has_path_prefix(path, host.prefix):
            continue
        found = host.pattern.match(path)
        if found is None:
            raise Absent(f"no repository of {host.prefix} has such a path", where=path)
        root = found["root"]
        if host.no_suffix and root.endswith(tuple(f".{name}" for name in VCS_NAMES)):
            raise Absent(
                f"a path of {host.prefix} has no version control suffix",
                where=path,
                next_step=f"leave the suffix of {root} out",
            )
        return RepositoryRoot(root, host.vcs, f"https://{root}")
    gopkg = _GOPKG.match(path)
    if gopkg is not None:
        return RepositoryRoot(gopkg["root"], "git", f"https://{gopkg['root']}")
    return _by_suffix(path)


def suffix_vcs(address: str) -> str:
    """The system that the end of an address names; git where it names none."""
    found = _SUFFIX.search(address.rstrip("/").rpartition("/")[2])
    return found["vcs"] if found else "git"


def _by_suffix(path: str) -> RepositoryRoot | None:
    """`host/path.git/folder`: the last element with a suffix ends the root, the address lacks it."""
    host, *elements = path.split("/")
    if not _HOST.match(host) or not all(_WORD.match(element) for element in elements):
        return None
    for number, element in reversed(list(enumerate(elements, 1))):
        found = _SUFFIX.match(element)
        if found is not None:
            before = "/".join((host, *elements[: number - 1]))
            return RepositoryRoot(f"{before}/{element}", found["vcs"], f"https://{before}/{found['stem']}")
    return None
