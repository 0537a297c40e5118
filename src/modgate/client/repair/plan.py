"""A repair as data: the files it would change and the words to show.

Nothing here touches a file; a check proposes, the person agrees, `repair` carries it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  the type of a dataclass field

__all__ = ["FileEdit", "Repair"]


@dataclass(frozen=True, slots=True)
class FileEdit:
    """The new content of one file.

    Attributes:
        path: Absolute.
        before: The content that the edit was computed from, None where there was no file. If the file has
            another content when the edit is carried out, the edit is refused: somebody else changed it.
        after: The new content, None to delete the file.
    """

    path: Path
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Repair:
    """What mends a finding.

    Attributes:
        edits: Carried out by `--fix`, all or none.
        commands: Shown for the person to run (they need rights, or a person's judgement).
        safe: False where it changes more than the fault asks for; `--fix` then leaves it to the person.
    """

    edits: tuple[FileEdit, ...] = ()
    commands: tuple[str, ...] = ()
    safe: bool = True
