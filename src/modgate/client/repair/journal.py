"""The journal: what modgate is about to change, and what became of it, one JSON object a line.

A line is written and fsync'ed *before* the change it announces (`intent`), another after (`done`, or
`rolled-back`). So whatever moment a process dies at, the journal knows every file that may have changed, and
where its old content is kept. Lines are only ever appended; a last line that was cut short is no line.

    {"format": 1, "event": "intent", "change": ID, "time": T, "reason": R, "undoes": ID|null, "files": [
        {"path", "target", "before": SHA256|null, "after": SHA256|null, "backup": NAME|null, "folders": […]}]}
    {"format": 1, "event": "done" | "rolled-back", "change": ID, "time": T}

`path` is as the person knows it, `target` the file behind symbolic links, `backup` a file below
`backups/ID/`, `folders` those that had to be made, outermost first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NewType

from modgate.client.repair.state import locked, private_folder, sync_folder
from modgate.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["Change", "ChangeId", "ChangedFile", "Journal", "State", "Steps"]

ChangeId = NewType("ChangeId", str)
State = str
"""`intended` (it may have been cut short), `done`, or `rolled-back`."""

Steps = Callable[[str], None]
"""Told each step just before it is taken: for tests that kill the process there."""

FORMAT = 1


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """One file of a change, as the journal tells it."""

    path: Path
    target: Path
    before: str | None
    after: str | None
    backup: str | None
    folders: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `time` in seconds since 1970; `undone_by` where a later change took it back."""

    id: ChangeId
    time: float
    reason: str
    files: tuple[ChangedFile, ...]
    state: State = "intended"
    undoes: ChangeId | None = None
    undone_by: ChangeId | None = None


class Journal:
    """The journal in a state folder.

    Args:
        folder: As `state_folder` says; made when something is first written.
        clock: Seconds since 1970.
        token: Four or more random hexadecimal digits, new ones at each call.
        steps: Told each step before it is taken.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float],
        token: Callable[[], str],
        steps: Steps = lambda _: None,
    ) -> None:
        self.folder = folder
        self.steps = steps
        self._clock = clock
        self._token = token
        self._file = folder / "journal.jsonl"

    def held(self) -> AbstractContextManager[None]:
        """A context in which no other process changes files. Raises Unavailable where one does."""
        return locked(self.folder)

    def backups(self, change: ChangeId) -> Path:
        """Where a change's old contents are kept."""
        return self.folder / "backups" / change

    def new_id(self) -> ChangeId:
        """An id for a change that begins now; ids sort by time."""
        return ChangeId(f"{int(self._clock()):x}-{self._token()}")

    def intend(self, change: Change) -> Change:
        """Announce a change; it comes back with its time."""
        change = replace(change, time=self._clock())
        self._append(
            {
                "format": FORMAT,
                "event": "intent",
                "change": change.id,
                "time": change.time,
                "reason": change.reason,
                "undoes": change.undoes,
                "files": [_file_json(file) for file in change.files],
            }
        )
        return change

    def close(self, change: ChangeId, state: State) -> None:
        """Say what became of it: `done` or `rolled-back`."""
        self._append({"format": FORMAT, "event": state, "change": change, "time": self._clock()})

    def changes(self) -> tuple[Change, ...]:
        """Every change, oldest first. Raises Unavailable for a journal that cannot be read, Invalid for one
        of a newer format.
        """
        found: dict[str, Change] = {}
        for line in self._lines():
            event, change_id = line.get("event"), str(line.get("change"))
            if event == "intent":
                found[change_id] = _change(line)
            elif change_id in found and event in {"done", "rolled-back"}:
                found[change_id] = replace(found[change_id], state=str(event))
        for change in tuple(found.values()):
            if change.undoes in found and change.state == "done":
                found[change.undoes] = replace(found[change.undoes], undone_by=change.id)
        # Undoing an undo brings the first change back.
        for change in reversed(tuple(found.values())):
            if change.undoes in found and found[change.id].undone_by is not None:
                first = found[change.undoes]
                if first.undone_by == change.id:
                    found[change.undoes] = replace(first, undone_by=None)
        return tuple(found.values())

    def change(self, change_id: str) -> Change:
        """One change by its id or an unambiguous beginning of it. Raises Invalid."""
        matching = [change for change in self.changes() if change.id.startswith(change_id)]
        exact = [change for change in matching if change.id == change_id]
        if len(matching) != 1 and len(exact) != 1:
            what = "no change has the id" if not matching else "several changes have ids that begin with"
            raise Invalid(f"{what} {change_id[:60]!r}", next_step="`modgate undo --list` shows them.")
        return (exact or matching)[0]

    def _lines(self) -> list[dict[str, object]]:
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"{self._file} cannot be read: {error.strerror}") from error
        lines: list[dict[str, object]] = []
        for raw in content.split(b"\n"):
            try:
                line = json.loads(raw)
            except ValueError:
                # What a process was writing when it died.
                continue
            if not isinstance(line, dict):
                continue
            if line.get("format") != FORMAT:
                raise Invalid(
                    "this journal was written by a newer modgate",
                    where=str(self._file),
                    next_step="Use that version to undo.",
                )
            lines.append(line)
        return lines

    def _append(self, line: dict[str, object]) -> None:
        private_folder(self.folder)
        self.steps(f"journal {line['event']}")
        data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        try:
            handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                size = os.fstat(handle).st_size
                # A line that was cut short must not swallow this one.
                torn = size > 0 and _byte_at(handle, size - 1) != b"\n"
                _write_all(handle, (b"\n" if torn else b"") + data)
                os.fsync(handle)
            finally:
                os.close(handle)
            sync_folder(self.folder)
        except OSError as error:
            raise Unavailable(f"{self._file} cannot be written: {error.strerror}") from error


def _byte_at(handle: int, index: int) -> bytes:
    os.lseek(handle, index, os.SEEK_SET)
    return os.read(handle, 1)


def _write_all(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _file_json(file: ChangedFile) -> dict[str, object]:
    return {
        "path": str(file.path),
        "target": str(file.target),
        "before": file.before,
        "after": file.after,
        "backup": file.backup,
        "folders": [str(folder) for folder in file.folders],
    }


def _change(line: dict[str, object]) -> Change:
    files, undoes, time = line.get("files"), line.get("undoes"), line.get("time")
    return Change(
        id=ChangeId(str(line["change"])),
        time=float(time) if isinstance(time, int | float) else 0.0,
        reason=str(line.get("reason", "")),
        files=tuple(_changed_file(file) for file in files) if isinstance(files, list) else (),
        undoes=ChangeId(str(undoes)) if undoes else None,
    )


def _changed_file(line: dict[str, object]) -> ChangedFile:
    def text(name: str) -> str | None:
        value = line.get(name)
        return str(value) if value is not None else None

    folders = line.get("folders")
    return ChangedFile(
        path=Path(str(line["path"])),
        target=Path(str(line["target"])),
        before=text("before"),
        after=text("after"),
        backup=text("backup"),
        folders=tuple(Path(str(folder)) for folder in folders) if isinstance(folders, list) else (),
    )
