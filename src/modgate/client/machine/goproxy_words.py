"""The letters of a GOPROXY list: how go cuts it, and what a slip of the hand in it was meant to be.

go cuts at `,` and `|` and takes Unicode spaces off the ends of each entry; everything else is the entry.
Source: cmd/go/internal/modfetch/proxy.go (proxyList), strings.TrimSpace.
"""

from __future__ import annotations

import difflib
import re

__all__ = [
    "QUOTES",
    "SPACES",
    "WIDE_SEPARATORS",
    "mended_entry",
    "mended_goproxy",
    "split_list",
    "wrong_separator",
]

SPACES = "\t\n\v\f\r \x85\xa0               　"
"""What unicode.IsSpace takes for space."""
QUOTES = "\"'`“”‘’«»„＂＇「」『』"
WIDE_SEPARATORS = "，；、｜"

_ENTRY_LIKE = re.compile(
    r"(?:direct|off)\b|[A-Za-z][A-Za-z0-9+.-]*:/|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:[:/,|;]|\Z)|\Z",
    re.IGNORECASE,
)
_WIDE = str.maketrans(
    {"，": ",", "；": ",", "、": ",", "｜": "|", "：": ":", "／": "/", "。": ".", "．": "."}
)
_SCHEMES = ("https", "http", "file")


def split_list(text: str) -> list[tuple[str, str]]:
    """(entry without spaces at its ends, the separator after it), in order; either may be empty."""
    pieces = re.split(r"([,|])", text)
    marks = [*pieces[1::2], ""]
    return [(piece.strip(SPACES), mark) for piece, mark in zip(pieces[::2], marks, strict=True)]


def wrong_separator(item: str) -> str:
    """The first character within an entry that was meant to separate, empty where there is none.

    A semicolon can stand in a path; it counts where what follows looks like another entry.
    """
    for index, char in enumerate(item):
        if char in SPACES or char in WIDE_SEPARATORS:
            return char
        if char == ";" and _ENTRY_LIKE.match(item[index + 1 :].strip(SPACES)):
            return char
    return ""


def mended_entry(item: str) -> str:
    """The entry as it was probably meant, empty where that cannot be told."""
    text = item.translate(_WIDE).strip(QUOTES + SPACES)
    text = re.sub(r"\A(?:export\s+|set\s+)?GOPROXY\s*=\s*", "", text).strip(QUOTES + SPACES)
    if text.lower() in {"direct", "off"}:
        return text.lower()
    if re.match(r"[A-Za-z]:[\\/]", text):
        return "file:///" + text.replace("\\", "/")
    if re.match(r"/[^/]", text):
        return f"file://{text}"
    text = text.replace("\\", "/")
    text = re.sub(r"\A(?:[A-Za-z]{3,6}:?/{1,3}){1,2}(?=[A-Za-z]{4,5}:/{1,2}\w)", "", text)
    match = re.match(r"([A-Za-z]{3,7})(?::/*|/{2,})(?=[\w\[])", text)
    scheme = match[1].lower() if match else ""
    if match and scheme not in _SCHEMES:
        near = difflib.get_close_matches(scheme, _SCHEMES, n=1, cutoff=0.7)
        if not near:
            return ""
        scheme = near[0]
    if match and scheme != "file":
        text = f"{scheme}://{text[match.end() :]}"
    elif text.lower().startswith("file:"):
        text = "file:///" + text[5:].lstrip("/")
    elif re.match(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:[:/]|\Z)", text):
        text = f"https://{text}"
    else:
        return ""
    if re.search(r"[^\x21-\x7e]|[$<>\"'`]|%(?![0-9A-Fa-f]{2})", text):
        return ""
    return text if re.match(r"https?://[\w\[][^/]*|file:///\S", text) else ""


def mended_goproxy(text: str) -> str:
    """The whole list as it was probably meant, empty where one entry cannot be told.

    Entries that stand twice or behind `direct` and `off` keep their first place before them; what was right
    stays as it was written.
    """
    plain = text.translate(_WIDE)
    for quote in QUOTES:
        plain = plain.replace(quote, "")
    plain = re.sub(r";(?=\s*(?:direct|off|https?:|[\w-]+\.|\s*\Z))", ",", plain, flags=re.IGNORECASE)
    plain = re.sub(rf"(?<=[^\s,|])[{SPACES}]+(?=[^\s,|])", ",", plain.strip(SPACES))
    kept: list[tuple[str, str]] = []
    last = ""
    for item, mark in split_list(plain):
        if not item:
            continue
        right = item if _plain_url(item) else mended_entry(item)
        if not right:
            return ""
        if right in {"direct", "off"}:
            last = last or right
        elif all(right.rstrip("/") != seen.rstrip("/") for seen, _ in kept):
            kept.append((right, mark or ","))
    if last:
        kept.append((last, ""))
    return "".join(f"{item}{mark}" for item, mark in kept).rstrip(",|")


def _plain_url(item: str) -> bool:
    return bool(
        re.fullmatch(r"https?://(?!https?[:/])[\w\[][^\s\\]*", item, re.IGNORECASE)
        or re.fullmatch(r"[\w-]+(?:\.[\w-]+)+(?::\d+)?(?:/[^\s\\]*)?", item, re.ASCII)
        or re.fullmatch(r"file:///\S+", item)
    )
