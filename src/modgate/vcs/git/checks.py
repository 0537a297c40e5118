"""What may be asked of a git repository, and which of several tags is the highest."""

from __future__ import annotations

from modgate.errors import Invalid
from modgate.gomod import semver
from modgate.gomod.texts import shown

__all__ = ["check_path", "check_revision", "highest"]


def highest(tags: list[str], prefix: str) -> str:
    """The first of the highest by semantic version, as a whole; empty where none is one."""
    best = ""
    for tag in tags:
        version = tag.removeprefix(prefix)
        if semver.compare(version, best) > 0:
            best = version
    return prefix + best if best else ""


def check_revision(revision: str) -> None:
    """Refuse what no git repository could call a revision. Raises Invalid."""
    if not revision or len(revision) > 1024 or revision.startswith("-") or not revision.isprintable():
        raise Invalid(f"{shown(revision)} is no revision of a git repository")


def check_path(path: str) -> None:
    """Refuse what is no clean relative path. Raises Invalid."""
    # Git would clean such a path, or look for it outside.
    if any(part in {"", ".", ".."} for part in path.split("/")) or any(ord(char) < 0x20 for char in path):
        raise Invalid(f"{shown(path)} is no path in a repository")
