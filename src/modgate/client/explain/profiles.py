"""What the lines of shell profiles do to a variable, for a session that is to come or one that runs.

A later line hides an earlier one; a line without `export` reaches the shell and no program, unless the
variable came exported from outside; a file that this kind of session does not read has no effect in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.explain.model import Place, Source, State
from modgate.client.machine.host import System
from modgate.client.machine.shells import (
    EDITOR,
    all_profile_files,
    current_shell,
    read_file,
    read_session,
    terminal_session,
)
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.client.machine.host import Host
    from modgate.client.machine.shells import Assignment, Reading, Shell

__all__ = ["Profiles", "read_profiles"]


@dataclass(frozen=True, slots=True)
class Profiles:
    """The person's profiles.

    Attributes:
        shell: Whose.
        terminal: What a new terminal reads.
        editor: What an editor from the desktop reads once (`$SHELL -ilc`); nothing on Windows.
        others: Files that neither reads.
    """

    shell: Shell
    terminal: Reading
    editor: Reading | None
    others: tuple[Reading, ...]

    def setting(self, reading: Reading, name: str, *, inherited: bool) -> tuple[Source, ...]:
        """The lines about a variable in a session that is to come, strongest first; those without effect at
        the end. `inherited` tells that the variable comes exported from outside.
        """
        seen: list[Source] = []
        unseen: list[Source] = []
        for one in reversed(reading.of(name)):
            if one.conditional:
                unseen.append(_source(one, State.UNSEEN, "explain.why.conditional"))
            elif not (inherited or one.exported or name in reading.exported):
                unseen.append(_source(one, State.UNSEEN, "explain.why.not-exported"))
            else:
                seen.append(_source(one, State.HIDDEN))
        return (*seen, *unseen)

    def unread(self, name: str, *readings: Reading) -> Iterator[Source]:
        """Lines in files that none of these sessions reads."""
        read = {file for reading in readings for file in reading.files}
        told: set[str] = set()
        every = (self.editor, self.terminal, *self.others) if self.editor else (self.terminal, *self.others)
        for reading in every:
            for one in reading.of(name):
                if one.file not in read and one.place not in told:
                    told.add(one.place)
                    login = self.editor is not None and one.file in self.editor.files
                    why = "explain.why.login-only" if login else "explain.why.not-read"
                    yield _source(one, State.UNSEEN, why)

    def behind(self, name: str, actual: str) -> tuple[Source, ...]:
        """The lines about a variable that the running environment has (as `actual`, empty for not at all):
        first the one that set it, where one can have.
        """
        reading = self.terminal
        lines = list(reversed(reading.of(name)))
        if self.editor is not None:
            lines += [one for one in reversed(self.editor.of(name)) if one.file not in reading.files]
        setter = next((one for one in lines if actual and one.value == actual), None) or next(
            (one for one in lines if actual and one.value is None), None
        )
        found: list[Source] = []
        if setter is not None:
            only_shell = setter.value is None
            why = Message("explain.why.shell-knows") if only_shell else None
            found.append(
                Source(name, Place.PROFILE, actual, State.WINS, file=setter.file, line=setter.line, why=why)
            )
        before = setter is None
        for one in lines:
            if one is setter:
                before = True
            elif self._exported(one):
                late = "explain.why.conditional" if one.conditional else "explain.why.new-shell"
                state = State.HIDDEN if before and setter is not None else State.UNSEEN
                found.append(_source(one, state, "" if state is State.HIDDEN else late))
            else:
                found.append(_source(one, State.UNSEEN, "explain.why.not-exported"))
        readings = (reading, self.editor) if self.editor else (reading,)
        return (*found, *self.unread(name, *readings))

    def lines(self, name: str) -> tuple[Source, ...]:
        """The lines about a variable in any file, whatever they do."""
        readings = (self.terminal, *((self.editor,) if self.editor else ()))
        found = {one.place: _source(one, State.UNSEEN) for reading in readings for one in reading.of(name)}
        return (*found.values(), *self.unread(name, *readings))

    def _exported(self, one: Assignment) -> bool:
        both = self.terminal.exported | (self.editor.exported if self.editor else frozenset())
        return one.exported or one.name in both


def read_profiles(host: Host) -> Profiles:
    """The profiles of this person's shell. Nothing is run."""
    shell = current_shell(host)
    terminal = read_session(host, shell, terminal_session(host.system))
    editor = None if host.system is System.WINDOWS else read_session(host, shell, EDITOR)
    read = {*terminal.files, *(editor.files if editor else ())}
    others = tuple(read_file(host, path) for path in all_profile_files(host) if str(path) not in read)
    return Profiles(shell, terminal, editor, others)


def _source(one: Assignment, state: State, why: str = "") -> Source:
    text = Message(why) if why else None
    if text is None and one.value is None:
        text = Message("explain.why.shell-knows")
    return Source(one.name, Place.PROFILE, one.value, state, file=one.file, line=one.line, why=text)
