"""The GOENV file as `go env -w` and `go env -u` rewrite it, byte for byte.

1. Of a key that stands twice only the last line is kept.
2. A key that is there changes in its line; a new one comes to the end.
3. Runs of KEY=VALUE lines are sorted by key; comments, blank lines, lines without `=` and lines that were
   taken out separate the runs.
4. The last line ends with a line feed.

People move between the two commands, so one must not undo the order of the other. A carriage return or a
quotation mark of an old line stays: go takes it for a part of the value. Source: cmd/go/internal/envcmd
(updateEnvFile).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["unset_in_goenv", "value_in_goenv", "written_to_goenv"]


def written_to_goenv(data: bytes, values: Mapping[str, str]) -> bytes:
    """The file after `go env -w` of these values."""
    return _updated(data, {name.encode(): text.encode() for name, text in values.items()}, frozenset())


def unset_in_goenv(data: bytes, names: Iterable[str]) -> bytes:
    """The file after `go env -u` of these names."""
    return _updated(data, {}, frozenset(name.encode() for name in names))


def value_in_goenv(data: bytes, name: str) -> str | None:
    """The value that the file gives to a variable, None where it has none."""
    found = None
    for line in data.split(b"\n"):
        key, mark, text = line.partition(b"=")
        if mark and key == name.encode():
            found = text.decode(errors="replace")
    return found


def _updated(data: bytes, add: Mapping[bytes, bytes], remove: frozenset[bytes]) -> bytes:
    lines = [line + b"\n" for line in data.removesuffix(b"\n").split(b"\n")] if data else []
    # 1
    places: dict[bytes, int] = {}
    for index, line in enumerate(lines):
        key = _key(line)
        if key:
            if key in places:
                lines[places[key]] = b""
            places[key] = index
    # 2
    for key, text in add.items():
        line = key + b"=" + text + b"\n"
        if key in places:
            lines[places[key]] = line
        else:
            lines.append(line)
    for key in remove:
        if key in places:
            lines[places[key]] = b""
    return b"".join(_sorted(lines))


def _sorted(lines: list[bytes]) -> list[bytes]:
    """3: each run by key."""
    done: list[bytes] = []
    run: list[bytes] = []
    for line in lines:
        if _key(line):
            run.append(line)
            continue
        done += [*sorted(run, key=_key), line]
        run = []
    return [*done, *sorted(run, key=_key)]


def _key(line: bytes) -> bytes:
    """What stands before the `=`, empty for a line that is none of KEY=VALUE."""
    key, mark, _ = line.partition(b"=")
    return key if mark and b"#" not in key else b""
