"""The profile files that a variable has to stand in so that every session of the person's shell has it.

Terminals, login shells (`bash -l`, SSH) and what a desktop editor runs read different files, and a line
further down can override the block. So the files are read as each session would read them, the block
included, and it is put into a further file, or to the end of its own, until the value is there or nothing
more can be done: then the line that wins is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.configure.formats import changed
from modgate.client.configure.overlay import EditedHost
from modgate.client.configure.places import Scope
from modgate.client.configure.profile import block_values, shell_of, with_values
from modgate.client.machine.shell_files import (
    EDITOR,
    Session,
    Shell,
    profile_files,
    profile_to_write,
    terminal_session,
)
from modgate.client.machine.shells import read_session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

    from modgate.client.configure.places import Drafts
    from modgate.client.machine.host import Host
    from modgate.client.machine.shells import Assignment

__all__ = ["overriding", "put_into_profiles"]

_ROUNDS = 4
_LOGIN = Session(login=True, interactive=False)


def put_into_profiles(
    host: Host, shell: Shell, drafts: Drafts, values: Mapping[str, str | None]
) -> tuple[str, ...]:
    """Put the values into the block of each file that needs it; returns those files.

    Raises Unavailable and Unwritable as the files do.
    """
    files = [str(profile_to_write(host, shell))]
    _put(drafts, files[0], shell, values)
    gone = {name: None for name, text in values.items() if text is None}
    for session in _sessions(host, shell) if gone else ():
        # What is taken away is taken from every block of the person's.
        for path in _own(host, shell, session):
            _take(drafts, str(path), shell, gone)
    for _ in range(_ROUNDS):
        found = _first_wrong(host, shell, drafts, values)
        following = _next_file(host, shell, *found) if found is not None else None
        if following is None:
            break
        file = following
        if file not in files:
            files.append(file)
        before = drafts.read(file)
        _put(drafts, file, shell, values)
        if drafts.read(file) == before:
            _to_end(drafts, file, shell)
            if drafts.read(file) == before:
                break
    return tuple(files)


def overriding(
    host: Host, shell: Shell, name: str, wanted: str | None
) -> tuple[Session, Assignment | None] | None:
    """The first session that ends up with another value, and the line that gives it (None where no line
    does); None where all is as wanted.
    """
    for session in _sessions(host, shell):
        reading = read_session(host, shell, session)
        found = reading.of(name)
        last = found[-1] if found else None
        if wanted is None:
            if last is not None:
                return session, last
        elif last is None or (last.value != wanted and not last.conditional):
            return session, last
    return None


def _sessions(host: Host, shell: Shell) -> tuple[Session, ...]:
    if shell is Shell.POWERSHELL:
        return (EDITOR,)
    return tuple(dict.fromkeys((terminal_session(host.system), EDITOR, _LOGIN)))


def _first_wrong(
    host: Host, shell: Shell, drafts: Drafts, values: Mapping[str, str | None]
) -> tuple[Session, Assignment | None] | None:
    edited = EditedHost(host, drafts.edits())
    for name, wanted in values.items():
        found = overriding(edited, shell, name, wanted) if wanted is not None else None
        if found is not None:
            return found
    return None


def _next_file(host: Host, shell: Shell, session: Session, wrong: Assignment | None) -> str | None:
    """Where the block has to stand for this session: the file of the line that wins, if it is the person's
    own, else the last one of theirs that the session reads.
    """
    own = _own(host, shell, session)
    if wrong is not None and host.path(wrong.file) in own:
        return wrong.file
    if own:
        return str(own[-1])
    # No file of the person's is there yet; ~/.profile would keep no other one from being read.
    return str(host.home / ".profile") if shell in {Shell.BASH, Shell.SH} else None


def _own(host: Host, shell: Shell, session: Session) -> list[PurePath]:
    return [path for path in profile_files(host, shell, session) if host.home in path.parents]


def _put(drafts: Drafts, file: str, shell: Shell, values: Mapping[str, str | None]) -> None:
    before = drafts.read(file)
    after = changed(Scope.SHELL, file, before or b"", values, shell)
    drafts.write(file, None if before is None and not after else after)


def _take(drafts: Drafts, file: str, shell: Shell, values: Mapping[str, str | None]) -> None:
    data = drafts.read(file)
    if data is not None and any(name in block_values(data, shell_of(file, shell)) for name in values):
        _put(drafts, file, shell, values)


def _to_end(drafts: Drafts, file: str, shell: Shell) -> None:
    data = drafts.read(file) or b""
    language = shell_of(file, shell)
    drafts.write(file, with_values(data, language, block_values(data, language), at_end=True))
