"""What the mirrors are asked for: one version that exists, one that cannot, busy modules, a toolchain.

A public mirror is asked for things that every mirror has had for years, so that a cold cache somewhere does
not decide; who measures a mirror of a company names a module that it holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from modgate.gomod import module, semver
from modgate.gomod.protocol import Kind, Request, checked
from modgate.sumdb.spec import KNOWN

__all__ = ["ABSENT_MODULE", "DEFAULT", "Limits", "Subject", "subject_of"]

ABSENT_MODULE = "modgate.invalid/absent"
"""No name under .invalid can ever exist (RFC 6761), so nothing behind a mirror is asked for long."""

_BUSY = ("golang.org/x/tools", "google.golang.org/api", "github.com/aws/aws-sdk-go-v2/service/ec2")
_TOOLCHAIN = ("golang.org/toolchain", "v0.0.1-go1.24.0.linux-amd64")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked for.

    Attributes:
        path: The module whose `.info`, `.mod`, `.zip` and list are asked for.
        version: One that exists; empty: the newest that the mirrors name.
        escaped: A version of a module with upper-case letters, `(path, version)`.
        busy: Modules with frequent releases, for freshness.
        toolchain: A toolchain's `(path, version)`.
        database: The checksum database's name.
        verifier_key: Its key.
    """

    path: str = "golang.org/x/sys"
    version: str = "v0.20.0"
    escaped: tuple[str, str] = ("github.com/BurntSushi/toml", "v1.3.2")
    busy: tuple[str, ...] = _BUSY
    toolchain: tuple[str, str] = _TOOLCHAIN
    database: str = "sum.golang.org"
    verifier_key: str = KNOWN["sum.golang.org"]

    @property
    def absent_version(self) -> str:
        """A version that fits the path and that nobody has published."""
        own = semver.major(self.version)
        major = self.path_major or (own if own in {"v0", "v1"} else "v1")
        return f"{major}.99999.99999"

    @property
    def path_major(self) -> str:
        """`v2` of a path that ends so, empty for v0 and v1."""
        return module.path_major_prefix(module.split_path_version(self.path)[1])

    @property
    def own_escaped(self) -> bool:
        """Whether `escaped` is what the person named, so that its absence is a fault."""
        return self.escaped[0] == self.path

    def url(self, base: str, kind: Kind, path: str = "", version: str = "") -> str:
        """The URL of a request below a mirror's, of the subject's own module by default."""
        named = path or self.path
        wants = kind not in {Kind.LIST, Kind.LATEST}
        return f"{base}/{checked(kind, named, (version or self.version) if wants else '').url_path}"

    def database_url(self, base: str, rest: str) -> str:
        """`supported`, `latest`, `lookup/…` of the checksum database through a mirror."""
        return f"{base}/sumdb/{self.database}/{rest}"

    def lookup(self) -> str:
        """The database's path of the subject's version."""
        return f"lookup/{module.escape_path(self.path)}@{module.escape_version(self.version)}"


DEFAULT = Subject()


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is asked, and how politely.

    Attributes:
        rounds: Rounds of small requests; each is one new connection and `warm` more requests on it.
        warm: Requests on a connection that is already open, per round.
        downloads: Downloads of the zip.
        body: Bytes of a zip that are read at most.
        body_seconds: How long a download is watched.
        timeout: Seconds for each phase of a request.
        pause: Seconds between two rounds.
        stagger: Seconds between the starts of two mirrors in a round.
        give_up: Rounds after which a mirror that never answered is left alone.
    """

    rounds: int = 10
    warm: int = 2
    downloads: int = 3
    body: int = 8 << 20
    body_seconds: float = 10.0
    timeout: float = 5.0
    pause: float = 0.1
    stagger: float = 0.03
    give_up: int = 2


def subject_of(text: str, base: Subject = DEFAULT) -> Subject:
    """The subject for `PATH` or `PATH@VERSION`. Raises Invalid for what is no module path or version."""
    path, mark, version = text.partition("@")
    module.check_path(path)
    if mark:
        Request.exact(Kind.INFO, module.check(path, version))
    named = dict.fromkeys((path, *base.busy))
    escaped = (path, version) if path != path.lower() and version else base.escaped
    return Subject(path, version, escaped, tuple(named), base.toolchain, base.database, base.verifier_key)
