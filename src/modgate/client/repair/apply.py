"""Carrying out changes to a person's files, and taking them back.

The steps of a change, each safe to die in:

1. What an earlier process began and did not end is rolled back.
2. Every file is read and compared with what the edit was computed from; one that differs refuses the whole.
3. The old contents are copied into the state folder and fsync'ed.
4. The journal announces the change.
5. Each file is replaced whole, after it was compared once more. If one fails, those before it are put back.
6. The journal says that it is done.

An undo is a change like any other, from what is there to what was, and can itself be undone. A change that
was cut short (it was announced, and nothing more) counts as made: its undo puts back what had been replaced
and leaves what had not.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.repair.files import (
    content_of,
    digest,
    missing_folders,
    replace_file,
    target_of,
    temporary,
)
from modgate.client.repair.journal import Change, ChangedFile, ChangeId
from modgate.client.repair.plan import FileEdit
from modgate.client.repair.state import private_folder, sync_folder
from modgate.errors import Absent, Invalid, ModgateError, Tampered, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modgate.client.repair.journal import Journal

__all__ = ["ChangedSince", "apply", "last_change", "recover", "undo", "undo_edits"]


class ChangedSince(Invalid):
    """Files have another content than the change left them with; `edits` is what an undo would do to them."""

    def __init__(self, edits: Sequence[FileEdit]) -> None:
        paths = ", ".join(str(edit.path) for edit in edits)
        super().__init__(
            f"changed by somebody else since: {paths}",
            next_step="Look at the difference; --force takes the change back all the same, with a backup.",
        )
        self.edits = tuple(edits)


@dataclass(frozen=True, slots=True)
class _Planned:
    edit: FileEdit
    file: ChangedFile


def apply(edits: Sequence[FileEdit], reason: str, journal: Journal) -> ChangeId:
    """Carry out the edits, all or none, and return the id that `undo` takes.

    Raises Invalid (no edits, two for one file, a file that is not what the edit was computed from, no plain
    file), Unavailable (it cannot be read or written): nothing has changed then.
    """
    with journal.held():
        _recover(journal)
        return _carry_out(edits, reason, journal, undoes=None)


def undo(change_id: str, journal: Journal, *, force: bool = False, reason: str = "") -> ChangeId:
    """Take a change back and return the id of the change that did it.

    Raises Invalid (no such change, taken back already), ChangedSince (unless `force`), Unavailable.
    """
    with journal.held():
        recovered = _recover(journal)
        change = journal.change(change_id)
        if change.id in {item.id for item in recovered} and change.state == "rolled-back":
            return change.id
        edits = undo_edits(change, journal, force=force)
        if not edits:
            raise Invalid(f"the files are as they were before the change {change.id}")
        return _carry_out(edits, reason or change.reason, journal, undoes=change.id)


def undo_edits(change: Change, journal: Journal, *, force: bool = False) -> list[FileEdit]:
    """What an undo would do, from the contents that are there now.

    Raises Invalid (it was taken back already), ChangedSince (unless `force`), Tampered (a backup is not what
    the journal says), Unavailable.
    """
    if change.state == "rolled-back" or change.undone_by is not None:
        raise Invalid(f"the change {change.id} was taken back already")
    edits: list[FileEdit] = []
    foreign: list[FileEdit] = []
    for file in change.files:
        now = content_of(file.target)
        if digest(now) == file.before:
            continue
        edit = FileEdit(file.path, now, _kept(file, change.id, journal))
        edits.append(edit)
        if digest(now) != file.after:
            foreign.append(edit)
    if foreign and not force:
        raise ChangedSince(foreign)
    return edits


def last_change(journal: Journal) -> Change:
    """The newest change that stands and is no undo. Raises Absent where there is none."""
    for change in reversed(journal.changes()):
        if change.state != "rolled-back" and change.undone_by is None and change.undoes is None:
            return change
    raise Absent("modgate has changed nothing that could be taken back")


def recover(journal: Journal) -> tuple[Change, ...]:
    """Put back what a process began and did not end. Returns those changes."""
    with journal.held():
        return _recover(journal)


def _recover(journal: Journal) -> tuple[Change, ...]:
    changes = journal.changes()
    cut = tuple(change for change in changes if change.state == "intended")
    for change in reversed(cut):
        try:
            for edit in undo_edits(change, journal):
                replace_file(target_of(edit.path), edit.after, change.id)
        except ChangedSince:
            # Somebody went on from the half-made change: it stands, and --force can take it back.
            journal.close(change.id, "done")
            continue
        finally:
            _sweep(change)
        _remove_made_folders(change)
        journal.close(change.id, "rolled-back")
    _drop_unannounced(journal, {change.id for change in changes})
    return cut


def _drop_unannounced(journal: Journal, known: set[ChangeId]) -> None:
    """Backups of a change that died before it was announced: nothing was changed, nothing needs them."""
    folder = journal.folder / "backups"
    with suppress(OSError):
        for kept in folder.iterdir():
            if kept.name not in known:
                shutil.rmtree(kept, ignore_errors=True)


def _carry_out(
    edits: Sequence[FileEdit], reason: str, journal: Journal, *, undoes: ChangeId | None
) -> ChangeId:
    change_id = journal.new_id()
    planned = [_plan(index, edit) for index, edit in enumerate(edits)]
    targets = [item.file.target for item in planned]
    if not planned or len(set(targets)) != len(targets):
        raise Invalid("a change needs one edit or more, and one only for each file")
    _back_up(planned, change_id, journal)
    change = journal.intend(Change(change_id, 0.0, reason, tuple(p.file for p in planned), undoes=undoes))
    replaced: list[_Planned] = []
    try:
        for item in planned:
            journal.steps(f"replace {item.file.target.name}")
            _check_unchanged(item.edit, item.file.target)
            # Known as touched before it is: putting back what was not replaced changes nothing.
            replaced.append(item)
            replace_file(item.file.target, item.edit.after, change_id)
        if undoes is not None:
            _remove_made_folders(journal.change(undoes))
    except ModgateError:
        for item in reversed(replaced):
            if content_of(item.file.target) == item.edit.after:
                replace_file(item.file.target, item.edit.before, change_id)
        _remove_made_folders(change)
        journal.close(change_id, "rolled-back")
        raise
    journal.close(change_id, "done")
    return change_id


def _plan(index: int, edit: FileEdit) -> _Planned:
    target = target_of(edit.path)
    _check_unchanged(edit, target)
    backup = None if edit.before is None else f"{index}"
    folders = missing_folders(target) if edit.after is not None else ()
    file = ChangedFile(edit.path, target, digest(edit.before), digest(edit.after), backup, folders)
    return _Planned(edit, file)


def _check_unchanged(edit: FileEdit, target: Path) -> None:
    if content_of(target) != edit.before:
        raise Invalid(
            f"{edit.path} was changed by somebody else in the meantime",
            next_step="Nothing was changed. Run the command again.",
        )


def _back_up(planned: Sequence[_Planned], change_id: ChangeId, journal: Journal) -> None:
    folder = journal.backups(change_id)
    journal.steps("backup")
    private_folder(folder.parent)
    private_folder(folder)
    try:
        for item in planned:
            if item.file.backup is None or item.edit.before is None:
                continue
            handle = os.open(folder / item.file.backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(item.edit.before)
                file.flush()
                os.fsync(handle)
        sync_folder(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise Unavailable(
            f"no backup can be written: {error.strerror}",
            where=str(folder),
            next_step="Nothing was changed.",
        ) from error


def _kept(file: ChangedFile, change_id: ChangeId, journal: Journal) -> bytes | None:
    if file.before is None:
        return None
    kept = content_of(journal.backups(change_id) / (file.backup or ""))
    if digest(kept) != file.before:
        raise Tampered(
            f"the backup of {file.path} is not what the journal says", where=str(journal.backups(change_id))
        )
    return kept


def _sweep(change: Change) -> None:
    """Remove what a killed process left beside the files."""
    for file in change.files:
        with suppress(OSError):
            temporary(file.target, change.id).unlink(missing_ok=True)


def _remove_made_folders(change: Change) -> None:
    for file in change.files:
        for folder in reversed(file.folders):
            # Somebody else may have put something there: then it stays.
            with suppress(OSError):
                folder.rmdir()
