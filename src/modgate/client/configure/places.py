"""The scopes, and the files of one change as they are to become.

`goenv` is the file of `go env -w`, for every go of this user; `shell` the profile that terminals and editors
read; `vscode-user` and `vscode-workspace` are `go.toolsEnvVars` of an editor. `session` writes nothing: it
prints lines for the shell that called. `gate` is the configuration of a gate on this machine, which no
person chooses: it follows from what was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.repair.plan import FileEdit

if TYPE_CHECKING:
    from modgate.client.machine.host import Host

__all__ = ["CHOICES", "Drafts", "Scope", "Written"]


class Scope(StrEnum):
    """Where a setting is put."""

    SESSION = "session"
    GOENV = "goenv"
    SHELL = "shell"
    VSCODE_USER = "vscode-user"
    VSCODE_WORKSPACE = "vscode-workspace"
    GATE = "gate"


CHOICES = tuple(scope.value for scope in Scope if scope is not Scope.GATE)
"""What `--scope` takes."""


@dataclass(frozen=True, slots=True)
class Written:
    """One variable that was put into one file.

    Attributes:
        scope: Of the file.
        file: Its path.
        name: The variable.
        before: What stood there, None for nothing.
        after: What stands there now; None where it was taken away.
        made: The file did not exist.
    """

    scope: Scope
    file: str
    name: str
    before: str | None
    after: str | None
    made: bool = False


class Drafts:
    """Files as they are to become: each is read once, changed any number of times, and edited in one go."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._before: dict[str, bytes | None] = {}
        self._after: dict[str, bytes | None] = {}

    def read(self, file: str) -> bytes | None:
        """The content with the changes so far, None for no file. Raises Unavailable."""
        if file not in self._after:
            self._before[file] = self._after[file] = self._host.read(self._host.path(file))
        return self._after[file]

    def write(self, file: str, content: bytes | None) -> None:
        """The new content, None for no file."""
        self.read(file)
        self._after[file] = content

    def edits(self) -> tuple[FileEdit, ...]:
        """What is different from the files as they were read."""
        return tuple(
            FileEdit(Path(file), self._before[file], after)
            for file, after in self._after.items()
            if after != self._before[file]
        )
