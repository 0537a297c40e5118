"""Lists of globs over module-path prefixes: GOPRIVATE, GONOPROXY, GONOSUMDB and our own.

A pattern with N slashes is matched against the first N+1 elements of the path, so `*.corp.example`
covers every module below each such host. What one side takes for private and the other for public
leaks names, so the matching is path.Match of Go, corner for corner: a star does not cross a slash,
the leftmost place a piece fits is the one that counts, a malformed pattern matches nothing.
Sources: go help private, golang.org/x/mod/module.MatchPrefixPatterns, path.Match.
"""

from __future__ import annotations

from modgate.errors import Invalid

__all__ = ["malformed_patterns", "match_prefix_patterns", "path_match"]


class _Malformed(Exception):
    """A pattern breaks the syntax of path.Match."""


def match_prefix_patterns(globs: str, target: str) -> bool:
    """Whether a prefix of the path `target` matches one of the comma-separated globs.

    Empty and malformed patterns are ignored, and so is one slash at the end of each.
    """
    elements = target.split("/")
    for glob in _each(globs):
        slashes = glob.count("/")
        if slashes < len(elements) and _matches_or_malformed(glob, "/".join(elements[: slashes + 1])):
            return True
    return False


def malformed_patterns(globs: str) -> tuple[str, ...]:
    """Those of the globs that can never match because their syntax is wrong."""
    return tuple(glob for glob in _each(globs) if not _well_formed(glob))


def path_match(pattern: str, name: str) -> bool:
    """Whether the shell pattern matches the whole name. Raises Invalid for a malformed pattern."""
    try:
        return _match(pattern, name)
    except _Malformed:
        raise Invalid("syntax error in pattern", where=pattern) from None


def _each(globs: str) -> list[str]:
    return [glob for item in globs.split(",") if (glob := item.removesuffix("/"))]


def _matches_or_malformed(glob: str, name: str) -> bool:
    try:
        return _match(glob, name)
    except _Malformed:
        return False


def _well_formed(pattern: str) -> bool:
    try:
        while pattern:
            _, chunk, pattern = _scan_chunk(pattern)
            _match_chunk(chunk, "")
    except _Malformed:
        return False
    return True


def _match(pattern: str, name: str) -> bool:
    while pattern:
        star, chunk, pattern = _scan_chunk(pattern)
        if star and not chunk:
            return "/" not in name
        rest = _place(chunk, name, star=star, last=not pattern)
        if rest is None:
            if not _well_formed(pattern):
                raise _Malformed
            return False
        name = rest
    return not name


def _place(chunk: str, name: str, *, star: bool, last: bool) -> str | None:
    """What is left of the name after the leftmost place where the chunk fits."""
    skip = 0
    while True:
        rest = _match_chunk(chunk, name[skip:])
        if rest is not None and not (last and rest):
            return rest
        if not star or skip >= len(name) or name[skip] == "/":
            return None
        skip += 1


def _scan_chunk(pattern: str) -> tuple[bool, str, str]:
    """(a star leads, the piece up to the next star, the rest of the pattern)."""
    body = pattern.lstrip("*")
    star = len(body) < len(pattern)
    in_class = False
    index = 0
    while index < len(body):
        char = body[index]
        if char == "\\":
            index += 1
        elif char == "[":
            in_class = True
        elif char == "]":
            in_class = False
        elif char == "*" and not in_class:
            return star, body[:index], body[index:]
        index += 1
    return star, body, ""


def _match_chunk(chunk: str, name: str) -> str | None:
    """The rest of the name if the chunk, which holds no star, matches its beginning.

    The chunk is read to its end in any case: whether it is malformed must not depend on the name.
    """
    failed = False
    while chunk:
        failed = failed or not name
        head, chunk = chunk[0], chunk[1:]
        if head == "[":
            matched, chunk = _match_class(chunk, name[:1])
        elif head == "?":
            matched = name[:1] != "/"
        else:
            if head == "\\":
                if not chunk:
                    raise _Malformed
                head, chunk = chunk[0], chunk[1:]
            matched = name[:1] == head
        failed = failed or not matched
        name = name[1:]
    return None if failed else name


def _match_class(chunk: str, char: str) -> tuple[bool, str]:
    """Whether the class that begins after `[` holds the character, and the chunk after its `]`."""
    negated = chunk.startswith("^")
    if negated:
        chunk = chunk[1:]
    matched = False
    ranges = 0
    while not (chunk.startswith("]") and ranges):
        low, chunk = _class_char(chunk)
        high = low
        if chunk[0] == "-":
            high, chunk = _class_char(chunk[1:])
        matched = matched or low <= char <= high
        ranges += 1
    return matched != negated, chunk[1:]


def _class_char(chunk: str) -> tuple[str, str]:
    if not chunk or chunk[0] in "-]":
        raise _Malformed
    if chunk[0] == "\\":
        chunk = chunk[1:]
    # A class must still be closed after the character.
    if len(chunk) < 2:
        raise _Malformed
    return chunk[0], chunk[1:]
