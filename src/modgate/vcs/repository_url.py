"""Which repository addresses a page may name: https and ssh, spelled without surprises.

git takes far more for an address than a URL: `ext::` runs a command, `file:` reads the machine,
`-oProxyCommand=` becomes an option of ssh, an encoded line break splits what a credential helper is
told. What a page says is therefore not cleaned but refused (CVE-2017-1000117, CVE-2018-17456,
CVE-2020-5260, CVE-2023-45285).
"""

from __future__ import annotations

import re

from modgate.errors import Denied
from modgate.gomod.texts import shown

__all__ = ["checked_repository_url", "checked_subdir"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?=:)")
_URL = re.compile(
    r"(?P<scheme>[a-z+]+)://(?:(?P<user>[^/@]*)@)?"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~+,=:@%-]*)*)\Z"
)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\Z")
# Not a control character, a slash, a dot, a percent sign or a backslash in disguise.
_ENCODED = re.compile(r"%(?!(?:2[0-4]|2[6-9A-D]|[3-46][0-9A-F]|5[0-9ABD-F]|7[0-9A-E]|[89A-F][0-9A-F]))")
_LIMIT = 1000
_OF_VCS = {"mod": frozenset({"https", "http"})}
_SCHEMES = frozenset({"https", "http", "ssh"})


def checked_repository_url(text: str, vcs: str, *, insecure: bool, where: str) -> str:
    """The address that a page names, `git+ssh` as `ssh`, without a user for https.

    Raises Denied, naming the scheme where that is the reason; `where` is the page.
    """
    found = _SCHEME.match(text)
    scheme = found[0].lower() if found else ""
    if not text.lower().startswith(f"{scheme}://") or not scheme:
        what = f"the scheme {shown(scheme)}" if scheme else "no scheme"
        raise _refused(text, what if scheme not in _SCHEMES else "no host", where)
    plain = "ssh" if scheme == "git+ssh" else scheme
    if plain == "http" and not insecure:
        raise _refused(text, "the scheme http, which no setting allows (vcs.insecure)", where)
    if plain not in _OF_VCS.get(vcs, _SCHEMES):
        raise _refused(text, f"the scheme {shown(scheme)}", where)
    url = _URL.match(scheme + text[len(scheme) :]) if len(text) <= _LIMIT else None
    if url is None or not _sound(url, plain):
        raise _refused(text, "characters or a form that no repository address needs", where)
    user = f"{url['user']}@" if url["user"] and plain == "ssh" else ""
    port = f":{int(url['port'])}" if url["port"] else ""
    return f"{plain}://{user}{url['host'].lower()}{port}{url['path']}"


def checked_subdir(text: str, where: str) -> str:
    """The folder that a page names, without slashes at its end. Raises Denied."""
    folder = text.rstrip("/")
    parts = folder.split("/") if folder else []
    sound = all(
        part not in {"", ".", ".."} and part.isprintable() and "\\" not in part and part.lower() != ".git"
        for part in parts
    )
    if text.startswith(("/", "-")) or not sound or len(text) > _LIMIT:
        raise Denied(f"the page names the folder {shown(text)}, which is none of a repository", where=where)
    return folder


def _sound(url: re.Match[str], scheme: str) -> bool:
    """Whether every part is harmless to git and to ssh."""
    path = url["path"]
    user = url["user"]
    if user is not None and not _USER.match(user):
        return False  # with a password, or one that ssh could take for something else
    if _ENCODED.search(path.upper()) or any(part in {".", ".."} for part in path.split("/")):
        return False
    return not (url["port"] and not 0 < int(url["port"]) < 65536) and not (
        scheme == "ssh" and (path in {"", "/"} or path.startswith("/-"))
    )


def _refused(text: str, why: str, where: str) -> Denied:
    # Its user info could be a secret of somebody's.
    plain = re.sub(r"//[^/@]*@", "//", text)
    return Denied(f"the repository address {shown(plain)} is refused: {why}", where=where)
