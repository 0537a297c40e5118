"""What GOSUMDB may say, and what it means: which database, whose key, reached how.

The forms are `name`, `name+hash+key`, either followed by a URL, and `off`. A bare name works only for a
database whose key go knows. A name is `host` or `host/path`; it is also where the database is reached
(`https://name`) unless a URL is given, and a given URL bypasses every module proxy.

Sources: go help environment; GOROOT/src/cmd/go/internal/modfetch/{sumdb,key}.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from modgate.errors import Invalid
from modgate.sumdb.note import new_verifier

__all__ = ["KNOWN", "Spec", "check_name", "check_own_name", "parse_gosumdb", "split_request"]

KNOWN = {
    "sum.golang.org": "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
}
"""The keys that go carries (modfetch/key.go)."""

_ALIASES = {"sum.golang.google.cn": "sum.golang.org https://sum.golang.google.cn"}
# A name becomes a URL and a folder of the store, so no element may be empty or made of dots.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_URL = re.compile(r"(https?|file)://[^\s?#]+")
_OBJECTS = frozenset({"supported", "latest", "lookup", "tile"})


@dataclass(frozen=True, slots=True)
class Spec:
    """A checksum database.

    Attributes:
        name: `host` or `host/path`; the name its notes are signed with.
        verifier_key: `name+hash+base64`.
        url: Where GOSUMDB says it is to be reached, past every proxy; empty where it says nothing.
    """

    name: str
    verifier_key: str
    url: str = ""

    @property
    def direct_url(self) -> str:
        """Where the database itself answers."""
        return self.url or f"https://{self.name}"


def parse_gosumdb(text: str) -> Spec | None:
    """Read a GOSUMDB value; None for `off`. Raises Invalid with the way to write it right."""
    fields = _ALIASES.get(text, text).split()
    if fields == ["off"]:
        return None
    if not fields:
        raise Invalid("missing GOSUMDB", next_step="Set it to sum.golang.org, or to off.")
    if len(fields) > 2:
        raise Invalid(
            "invalid GOSUMDB: too many fields",
            next_step='It is written "<name or key>" or "<name or key> <url>".',
        )
    if "://" in fields[0]:
        raise _a_url(fields[0])
    key = KNOWN.get(fields[0], fields[0])
    if "+" not in key:
        raise Invalid(
            f"invalid GOSUMDB: the key of {key[:100]} is not known",
            next_step="Write the whole verifier key: <name>+<hash>+<key>.",
        )
    try:
        name = new_verifier(key).name
    except Invalid as error:
        raise Invalid(
            f"invalid GOSUMDB: {error.what}", next_step="A verifier key is <name>+<hash>+<key>."
        ) from error
    check_name(name)
    url = fields[1].rstrip("/") if len(fields) == 2 else ""
    if url and not _URL.fullmatch(url):
        raise Invalid(f"invalid GOSUMDB URL {url[:100]}", next_step="It begins with https://.")
    return Spec(name, key, url)


def check_name(name: str) -> None:
    """Raise Invalid unless the name is `host` or `host/path`, so that it is safe in a URL and a path."""
    if not _NAME.fullmatch(name) or ".." in name:
        raise Invalid(f"invalid sumdb name (must be host[/path]): {name[:100]!r}", malformed=True)


def check_own_name(name: str) -> None:
    """Raise Invalid for a name that a log of one's own cannot have.

    Clients keep what they saw of a log under its name: two logs of one name look like an attack to them.
    """
    check_name(name)
    if name in KNOWN or name in _ALIASES:
        raise Invalid(
            f"{name} is the public checksum database, and another log of its name an attack to clients",
            next_step="Give the log a name of its own: modgate sumdb keygen sum.corp.example.",
        )


def split_request(path: str) -> tuple[str, str]:
    """Cut what follows `/sumdb/` into the database's name, which may hold slashes, and the object.

    The first element after the host that names a kind of object begins the object. Raises Invalid.
    """
    elements = path.split("/")
    for i, element in enumerate(elements[1:], start=1):
        if element in _OBJECTS:
            name = "/".join(elements[:i])
            check_name(name)
            return name, "/".join(elements[i:])
    raise Invalid("not a path of a checksum database", malformed=True)


def _a_url(url: str) -> Invalid:
    """The mistake that many guides teach: a URL where the name belongs."""
    host = url.partition("://")[2].strip("/")
    if host in KNOWN or host in _ALIASES:
        fix = f"Write GOSUMDB={host}, without https://."
    else:
        fix = 'Write GOSUMDB="<verifier key> <url>": the name or key first, the URL second.'
    return Invalid(
        f"malformed verifier id: {url[:100]} is a URL, not the name of a checksum database", next_step=fix
    )
