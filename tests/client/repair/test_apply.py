"""Carrying out changes and taking them back: what stays, what is refused, what the journal says."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.client.machine.host import System
from modgate.client.repair.apply import ChangedSince, apply, last_change, undo
from modgate.client.repair.journal import Journal
from modgate.client.repair.plan import FileEdit
from modgate.client.repair.state import state_folder
from modgate.errors import Absent, Invalid, ModgateError, Tampered, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import DrawFn

CONTENTS = st.none() | st.binary(max_size=60)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return make_journal(tmp_path / "state")


def make_journal(folder: Path, steps: Callable[[str], None] = lambda _: None) -> Journal:
    numbers = iter(range(10_000))
    return Journal(folder, clock=lambda: 1e9, token=lambda: f"{next(numbers):06x}", steps=steps)


def read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@st.composite
def plans(draw: DrawFn) -> list[tuple[bytes | None, bytes | None]]:
    return draw(
        st.lists(st.tuples(CONTENTS, CONTENTS).filter(lambda p: p[0] != p[1]), min_size=1, max_size=4)
    )


@given(plan=plans())
def test_undo_after_apply_is_as_if_nothing_had_been(
    plan: list[tuple[bytes | None, bytes | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    journal = make_journal(folder / "state")
    edits = [FileEdit(folder / f"f{i}", old, new) for i, (old, new) in enumerate(plan)]
    for edit in edits:
        if edit.before is not None:
            edit.path.write_bytes(edit.before)
    change = apply(edits, "test", journal)
    assert [read(edit.path) for edit in edits] == [edit.after for edit in edits]
    back = undo(change, journal)
    assert [read(edit.path) for edit in edits] == [edit.before for edit in edits]
    undo(back, journal)
    assert [read(edit.path) for edit in edits] == [edit.after for edit in edits]
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def test_a_file_that_is_not_what_the_edit_was_computed_from_refuses_the_whole(
    tmp_path: Path, journal: Journal
) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"other")
    edits = [FileEdit(tmp_path / "a", b"1", b"2"), FileEdit(tmp_path / "b", b"1", b"2")]
    with pytest.raises(Invalid, match="changed by somebody else"):
        apply(edits, "test", journal)
    assert (read(tmp_path / "a"), read(tmp_path / "b")) == (b"1", b"other")
    assert journal.changes() == ()


def test_the_rights_of_a_file_stay_and_a_link_stays_a_link(tmp_path: Path, journal: Journal) -> None:
    target, link = tmp_path / "dotfiles" / "profile", tmp_path / "profile"
    target.parent.mkdir()
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    apply([FileEdit(link, b"old", b"new")], "test", journal)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_if_one_file_cannot_be_written_those_before_it_are_put_back(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"1")

    def meddle(step: str) -> None:
        if step == "replace b":
            (tmp_path / "b").write_bytes(b"somebody")

    journal = make_journal(tmp_path / "state", meddle)
    edits = [
        FileEdit(tmp_path / "a", b"1", b"2"),
        FileEdit(tmp_path / "new" / "c", None, b"2"),
        FileEdit(tmp_path / "b", b"1", b"2"),
    ]
    with pytest.raises(Invalid):
        apply(edits, "test", journal)
    assert (read(tmp_path / "a"), read(tmp_path / "b")) == (b"1", b"somebody")
    assert not (tmp_path / "new").exists()
    assert [change.state for change in journal.changes()] == ["rolled-back"]
    with pytest.raises(Absent):
        last_change(journal)


def test_undo_refuses_a_file_changed_since_and_force_keeps_what_was_there(
    tmp_path: Path, journal: Journal
) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1")
    change = apply([FileEdit(file, b"1", b"2")], "test", journal)
    file.write_bytes(b"3")
    with pytest.raises(ChangedSince) as refused:
        undo(change, journal)
    assert refused.value.edits == (FileEdit(file, b"3", b"1"),)
    assert file.read_bytes() == b"3"
    forced = undo(change, journal, force=True)
    assert file.read_bytes() == b"1"
    undo(forced, journal)
    assert file.read_bytes() == b"3"


def test_a_change_is_taken_back_once(tmp_path: Path, journal: Journal) -> None:
    change = apply([FileEdit(tmp_path / "a", None, b"2")], "test", journal)
    undo(change, journal)
    with pytest.raises(Invalid, match="taken back already"):
        undo(change, journal)
    with pytest.raises(Absent):
        last_change(journal)


def test_the_last_change_is_the_last_that_stands_and_ids_may_be_shortened(
    tmp_path: Path, journal: Journal
) -> None:
    first = apply([FileEdit(tmp_path / "a", None, b"1")], "first", journal)
    second = apply([FileEdit(tmp_path / "b", None, b"1")], "second", journal)
    assert last_change(journal).id == second
    undo(second, journal)
    assert last_change(journal).id == first
    assert journal.change(first).reason == "first"
    with pytest.raises(Invalid, match="several changes"):
        journal.change(first[:4])
    with pytest.raises(Invalid, match="no change"):
        journal.change("nonsense")


def test_what_is_kept_is_for_this_user_alone(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "netrc").write_bytes(b"password secret")
    change = apply([FileEdit(tmp_path / "netrc", b"password secret", b"x")], "test", journal)
    kept = journal.backups(change)
    assert [path.read_bytes() for path in kept.iterdir()] == [b"password secret"]
    for path in (journal.folder, kept, *kept.iterdir(), journal.folder / "journal.jsonl"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert b"secret" not in (journal.folder / "journal.jsonl").read_bytes()


def test_a_backup_that_rotted_is_not_put_back(tmp_path: Path, journal: Journal) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"1")
    change = apply([FileEdit(file, b"1", b"2")], "test", journal)
    (journal.backups(change) / "0").write_bytes(b"rot")
    with pytest.raises(Tampered):
        undo(change, journal)
    assert file.read_bytes() == b"2"


def test_a_line_that_was_cut_short_hides_neither_the_lines_before_it_nor_those_after(
    tmp_path: Path, journal: Journal
) -> None:
    first = apply([FileEdit(tmp_path / "a", None, b"1")], "first", journal)
    with (journal.folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"format": 1, "event": "int')
    second = apply([FileEdit(tmp_path / "b", None, b"1")], "second", journal)
    assert [change.id for change in journal.changes()] == [first, second]


def test_a_journal_of_a_newer_modgate_is_not_guessed_at(tmp_path: Path, journal: Journal) -> None:
    apply([FileEdit(tmp_path / "a", None, b"1")], "first", journal)
    with (journal.folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"format": 2, "event": "intent"}\n')
    with pytest.raises(Invalid, match="newer"):
        journal.changes()


def test_two_processes_do_not_change_files_at_once(tmp_path: Path, journal: Journal) -> None:
    with journal.held(), pytest.raises(Unavailable, match="another modgate"):
        apply([FileEdit(tmp_path / "a", None, b"1")], "test", make_journal(journal.folder))


@pytest.mark.parametrize("path", ["folder", "fifo", "relative"])
def test_only_plain_files_are_changed(path: str, tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    target = Path("relative") if path == "relative" else tmp_path / path
    with pytest.raises(ModgateError):
        apply([FileEdit(target, None, b"1")], "test", journal)


def test_a_change_needs_an_edit_and_not_two_of_one_file(tmp_path: Path, journal: Journal) -> None:
    with pytest.raises(Invalid):
        apply([], "test", journal)
    edit = FileEdit(tmp_path / "a", None, b"1")
    with pytest.raises(Invalid):
        apply([edit, edit], "test", journal)


@pytest.mark.parametrize(
    ("system", "environ", "expected"),
    [
        (System.LINUX, {"XDG_STATE_HOME": "/s"}, "/s/modgate"),
        (System.LINUX, {"XDG_STATE_HOME": "relative"}, "/home/me/.local/state/modgate"),
        (System.LINUX, {}, "/home/me/.local/state/modgate"),
        (System.MACOS, {}, "/home/me/Library/Application Support/modgate"),
        (System.WINDOWS, {"LOCALAPPDATA": "/l"}, "/l/modgate"),
        (System.WINDOWS, {}, "/home/me/AppData/Local/modgate"),
    ],
)
def test_the_state_folder_is_where_each_system_keeps_such_things(
    system: System, environ: dict[str, str], expected: str
) -> None:
    assert state_folder(system, environ, Path("/home/me")) == Path(expected)
