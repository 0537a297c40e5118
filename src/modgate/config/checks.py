"""Checks of the values that Go spells: proxy chains, checksum databases, module patterns.

A slip in one of these is silent in go (a space becomes part of a URL path, `Direct` a host name),
so it is refused here with what was meant.
"""

from __future__ import annotations

import re

from modgate.config.values import redact

__all__ = ["check_patterns", "check_sumdb", "check_upstream"]


def check_upstream(value: object) -> str:
    """A GOPROXY chain: http(s) or file URLs, `direct` or `off`, joined by `,` or `|`.

    Raises ValueError.
    """
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ",".join(value)
    if not isinstance(value, str) or not value.strip(" ,|"):
        raise ValueError('a proxy chain such as "https://proxy.golang.org,direct"')
    text = value.strip()
    for entry in re.split(r"[,|]", text):
        _check_entry(entry.strip())
    return text


def _check_entry(entry: str) -> None:
    shown = redact(entry)
    if entry in {"", "direct", "off"}:
        return
    if entry.lower() in {"direct", "off"}:
        raise ValueError(f"{shown!r} must be written in lower case")
    if any(mark in entry for mark in "，；;｜"):
        raise ValueError(f'entries are separated by "," or "|", not as in {shown!r}')
    if re.search(r"\s", entry):
        raise ValueError(f"{shown!r} contains white space, which would become part of the URL")
    if entry[0] in "\"'" or entry[-1] in "\"'":
        raise ValueError(f"{shown!r} contains quotes")
    scheme, separator, rest = entry.partition("://")
    if not separator:
        if re.match(r"https?:/", entry):
            raise ValueError(f"{shown!r} needs two slashes after the scheme")
        if "." not in entry.split("/", 1)[0] and not entry.startswith("localhost"):
            raise ValueError(f"{shown!r} is neither a URL nor direct nor off")
    elif scheme not in {"http", "https", "file"} or not rest:
        raise ValueError(f"{shown!r} is not an http, https or file URL")


def check_sumdb(value: object) -> tuple[str, ...]:
    """GOSUMDB specs (`name`, `name+hash+key`, either with ` url`), or nothing for `off`.

    Raises ValueError; the forms are those of cmd/go's `dbDial`.
    """
    specs = value if isinstance(value, tuple) else ()
    if specs == ("off",):
        return ()
    for spec in specs:
        name, *rest = spec.split()
        if name == "off":
            raise ValueError('"off" stands alone')
        if "://" in name:
            host = name.partition("://")[2].split("/")[0]
            raise ValueError(
                f"{redact(name)!r} is a URL where a name or verifier key belongs; write {redact(host)!r}"
            )
        if len(rest) > 1 or (rest and "://" not in rest[0]):
            raise ValueError(f'{redact(spec)!r}: a spec is "name", "key", "name url" or "key url"')
        if name in {"sum.golang.org", "sum.golang.google.cn"}:
            continue
        if not re.fullmatch(r"[^+\s]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+", name):
            raise ValueError(
                f"{redact(name)!r} has no built-in key: write its verifier key (name+hash+key) instead"
            )
    return specs


def check_patterns(value: object) -> tuple[str, ...]:
    """Globs over module path prefixes, as in GOPRIVATE. Raises ValueError."""
    patterns = value if isinstance(value, tuple) else ()
    for pattern in patterns:
        if "://" in pattern:
            raise ValueError(
                f"{redact(pattern)!r} is a URL; a pattern is a module path such as corp.example/*"
            )
        if re.search(r"\s", pattern):
            raise ValueError(f"{pattern!r} contains white space; patterns are separated by commas")
        if "**" in pattern:
            raise ValueError(
                f"{pattern!r}: ** is no glob of Go; a pattern already matches every path below it"
            )
        if pattern.count("[") > pattern.count("]"):
            raise ValueError(f"{pattern!r} has an open [")
    return patterns
