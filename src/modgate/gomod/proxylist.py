"""GOPROXY chains: proxies to ask in turn, and after which failures the next one is asked.

After `,` the next entry is asked only where this one proved absence (404, 410), after `|` on any
error; `off` and `direct` end the list. A typo in this list is among the commonest reasons why a
download fails, so each error says which entry is wrong and what was probably meant.
Sources: go help goproxy, cmd/go/internal/modfetch/proxy.go.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from modgate.errors import Invalid
from modgate.gomod.texts import shown

__all__ = ["EntryKind", "ProxyEntry", "format_proxy_list", "parse_proxy_list", "redacted"]

# Also user:password@host without a scheme, as an entry of a list may be written.
_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@|(?<![^,|\s])[^/?#\s,|:]+:[^/?#\s,|]*@")
_ANYTHING_BEFORE_AT = re.compile(r".*@", re.DOTALL)
_QUERY_VALUE = re.compile(r"([?&][^=&]*=)[^&]+")
# What stands where a port should be may be half a password that a comma cut in two.
_NO_PORT = re.compile(r"(://[^/:\[]*:)(?![0-9]{0,5}(?:/|\Z))[^/]*")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>//)?(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._~-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{0,5}))?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NOT_IN_URL = re.compile(r"[^\x21-\x7e]")


class EntryKind(enum.StrEnum):
    """What an entry of the list stands for."""

    PROXY = "proxy"
    DIRECT = "direct"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class ProxyEntry:
    """One entry of a chain.

    Attributes:
        kind: A proxy, the version-control origin (`direct`), or the end of the road (`off`).
        url: With scheme and without a slash at the end, user info included; empty for the others.
        falls_back_on_error: True where `|` follows: any error moves on, not only proved absence.
    """

    kind: EntryKind
    url: str = ""
    falls_back_on_error: bool = False

    @property
    def display(self) -> str:
        """The entry for logs and texts: the URL without its user info, or the word."""
        return redacted(self.url) if self.kind is EntryKind.PROXY else self.kind.value


def redacted(text: str) -> str:
    """The text with the user info of each URL in it replaced by `***`."""
    return _USER_INFO.sub("***@", text)


def parse_proxy_list(text: str) -> tuple[ProxyEntry, ...]:
    """The entries in order, up to and including the first `off` or `direct`.

    An entry that looks like a host gets `https://`. Raises Invalid, with the faulty entry shown
    without its credentials: for an empty list, words that are no entry, unknown schemes, URLs
    without a host, with a query or with a fragment, and `file:` URLs with more than a path.
    """
    entries: list[ProxyEntry] = []
    rest = text
    while rest:
        match = re.search("[,|]", rest)
        item, rest, mark = (rest, "", "") if match is None else _cut(rest, match.start())
        item = item.strip()
        if not item:
            continue
        if item in {EntryKind.OFF, EntryKind.DIRECT}:
            return (*entries, ProxyEntry(EntryKind(item)))
        entries.append(ProxyEntry(EntryKind.PROXY, _checked_url(item), mark == "|"))
    if not entries:
        raise Invalid(
            "the GOPROXY list holds no entry",
            next_step="Name at least one proxy URL, or direct, or off.",
        )
    return tuple(entries)


def format_proxy_list(entries: tuple[ProxyEntry, ...]) -> str:
    """The list as GOPROXY takes it, credentials included."""
    pieces: list[str] = []
    for entry in entries:
        pieces.extend((entry.url or entry.kind.value, "|" if entry.falls_back_on_error else ","))
    return "".join(pieces).removesuffix(",")


def _cut(text: str, index: int) -> tuple[str, str, str]:
    return text[:index], text[index + 1 :], text[index]


def _refuse(item: str, why: str, next_step: str) -> Invalid:
    # The entry is not a URL yet, so its credentials could be anywhere before the last @.
    harmless = _NO_PORT.sub(r"\1***", _ANYTHING_BEFORE_AT.sub("***@", item))
    harmless = _QUERY_VALUE.sub(r"\1***", harmless)
    return Invalid(f"GOPROXY entry {shown(harmless)} {why}", next_step=next_step)


def _checked_url(item: str) -> str:
    if _NOT_IN_URL.search(item) or ";" in item:
        raise _refuse(item, "holds characters no URL may hold", "Separate entries with , or | only.")
    if ":/" not in item and not item.startswith("/"):
        if not re.search("[.:]", item) and "/" not in item:
            raise _refuse(item, "is neither a URL nor a host", _word_advice(item))
        item = f"https://{item}"
    match = _URL.fullmatch(item)
    if match is None:
        raise _refuse(item, "has no scheme", "Write file:// before a folder, https:// before a host.")
    scheme = match["scheme"].lower()
    if scheme not in {"https", "http", "file"}:
        raise _refuse(item, "has an unknown scheme", "A proxy URL begins with https://, http:// or file://.")
    if not match["slashes"]:
        raise _refuse(item, "lacks a slash after the scheme", f"Write {scheme}://…")
    if _BAD_ESCAPE.search(item):
        raise _refuse(item, "has a bad percent escape", "Write a % of a password as %25.")
    if "?" in item or "#" in item:
        raise _refuse(item, "has a query or fragment", "A proxy URL is a scheme, a host and a path.")
    authority, slash, path = match["rest"].partition("/")
    if scheme == "file":
        _check_file(item, authority, path)
    else:
        _check_host(item, authority)
    return f"{scheme}://{authority}{slash}{path}".rstrip("/") if scheme != "file" else f"file:///{path}"


def _word_advice(word: str) -> str:
    for known in ("direct", "off"):
        if word.lower() == known:
            return f"Write {known} in lower case."
    return "Known words are direct and off; a proxy is a URL such as https://proxy.golang.org."


def _check_file(item: str, authority: str, path: str) -> None:
    if authority or not path:
        raise _refuse(
            item, "names no absolute folder", "Write file:/// and the absolute path, three slashes in all."
        )


def _check_host(item: str, authority: str) -> None:
    host = authority.rpartition("@")[2]
    match = _HOST.fullmatch(host)
    if not host or match is None or int(match["port"] or 0) > 65535:
        raise _refuse(item, "has no valid host", "Write a host, and a port only in digits, after https://.")
