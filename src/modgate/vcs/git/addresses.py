"""Which addresses of repositories are taken, and what git is given for them.

Git gives meaning to much that looks like an address: `ext::command` runs it, `file://` reads the disk,
a host that begins with a dash is an option of ssh (CVE-2017-1000117). So an address is taken apart
here, by rules stricter than git's, and put together again; what does not fit is refused before
any program sees it. User info of https addresses is left out: who is who is for the credentials to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from modgate.errors import Invalid
from modgate.gomod.harmless import harmless
from modgate.gomod.texts import shown

__all__ = ["GitAddress", "parse_address"]

_HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
_USER = r"(?P<user>[A-Za-z0-9_][A-Za-z0-9_.+-]*)"
_PATH = r"[!-\"$->@-~\u00a1-\U0010ffff]+"  # no space, `?`, `#` or control character
_HTTP = re.compile(rf"(?P<scheme>https?)://(?:{_USER}@)?{_HOST}(?::(?P<port>\d{{1,5}}))?(?P<path>/{_PATH})")
_SSH = re.compile(rf"(?:git\+)?ssh://(?:{_USER}@)?{_HOST}(?::(?P<port>\d{{1,5}}))?(?P<path>/{_PATH})")
_SCP = re.compile(rf"(?:{_USER}@){_HOST}:(?P<path>(?![-:/]|\d+/)~?{_PATH})")

_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)

_PORTS = {"https": 443, "http": 80, "ssh": 22}


@dataclass(frozen=True, slots=True)
class GitAddress:
    """An address that may be given to git.

    Attributes:
        scheme: Which way it is reached.
        url: For git; names a user for ssh only.
        shown: Without user info, for Origin and texts.
        host: Lower case; empty for a local path.
        port: Also where the address names none; 0 for a local path.
        path: Of the URL.
        user: The user of an ssh address; may be empty.
    """

    scheme: Literal["https", "http", "ssh", "file"]
    url: str
    shown: str
    host: str
    port: int
    path: str
    user: str = ""

    @property
    def netloc(self) -> str:
        """`host`, or `host:port` where the port is not the usual one."""
        return self.host if self.port == _PORTS.get(self.scheme, 0) else f"{self.host}:{self.port}"

    def as_user(self, user: str) -> str:
        """The address for git where ssh should enter as `user` unless the address names another."""
        if self.scheme != "ssh" or self.user or not user:
            return self.url
        if not re.fullmatch(_USER, user):
            raise Invalid(f"{shown(user)} is no user name for ssh", where=self.shown)
        return self.url.replace("ssh://", f"ssh://{user}@", 1)


def parse_address(text: str, *, insecure: bool = False, local: bool = False) -> GitAddress:
    """Take an address apart: https, ssh://, user@host:path; http where `insecure`, and an absolute path
    where `local`. Raises Invalid for anything else.
    """
    if local and text.startswith("/"):
        if any(ord(char) < 0x20 for char in text):
            raise _refused(text, "a path with control characters")
        return GitAddress("file", text, text, "", 0, text)
    if _ENCODED_CONTROL.search(text):
        raise _refused(text, "it holds an encoded control character")
    if found := _HTTP.fullmatch(text):
        if found["scheme"] == "http" and not insecure:
            raise _refused(text, "http is not protected; vcs.insecure names modules for which it is allowed")
        return _of(found, "https" if found["scheme"] == "https" else "http")
    if found := _SSH.fullmatch(text):
        return _of(found, "ssh")
    if found := _SCP.fullmatch(text):
        host = found["host"].lower()
        return GitAddress("ssh", text, f"{host}:{found['path']}", host, 22, found["path"], found["user"])
    raise _refused(text, "it must be https://host/path, ssh://user@host/path or user@host:path")


def _of(found: re.Match[str], scheme: Literal["https", "http", "ssh"]) -> GitAddress:
    host, path, user = found["host"].lower(), found["path"], found["user"] or ""
    port = int(found["port"] or _PORTS[scheme])
    if not 0 < port < 1 << 16:
        raise _refused(found[0], "there is no such port")
    authority = host if port == _PORTS[scheme] else f"{host}:{port}"
    bare = f"{scheme}://{authority}{path}"
    if scheme != "ssh":
        return GitAddress(scheme, bare, bare, host, port, path)
    return GitAddress(
        scheme, bare.replace("://", f"://{user}@", 1) if user else bare, bare, host, port, path, user
    )


def _refused(text: str, why: str) -> Invalid:
    return Invalid(f"{shown(harmless(text))} is no address of a git repository that is fetched: {why}")
