"""What a shell's files make of the environment: every assignment with its place, in the order it is read.

Includes are followed as far as their names can be known (eight deep, sixty-four files in all, no file twice),
nothing is run. On top of the reading stand the questions that `doctor` asks of it; which file to write and
how is in `shell_files`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.client.machine.shell_files import (
    EDITOR,
    Session,
    Shell,
    all_profile_files,
    assignment_line,
    current_shell,
    profile_files,
    profile_to_write,
    terminal_session,
    with_block,
)
from modgate.client.machine.shell_syntax import Export, Include, Set, Stop, Unset, parse_file
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import PurePath

    from modgate.client.machine.host import Host

__all__ = [
    "EDITOR",
    "Assignment",
    "Reading",
    "Session",
    "Shell",
    "all_profile_files",
    "assignment_line",
    "current_shell",
    "profile_files",
    "profile_to_write",
    "read_file",
    "read_session",
    "terminal_session",
    "with_block",
]

_DEEPEST = 8
_MOST_FILES = 64


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment.

    Attributes:
        name: The variable.
        value: Expanded as far as that is possible; None where only the shell could tell.
        file: Where it stands.
        line: From 1.
        exported: By its own line.
        own: The value refers to the variable itself, as PATH's does.
        conditional: It stands in a block or behind `&&`: whether it runs was not judged.
    """

    name: str
    value: str | None
    file: str
    line: int
    exported: bool = False
    own: bool = False
    conditional: bool = False

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a session reads.

    Attributes:
        files: Those that are there, in order, includes where they are read.
        assignments: In order.
        exported: The variables that are exported by some line, conditional ones included.
        stopped: Files that a shell which is not interactive leaves early, with the line.
        problems: Files that may not be read.
    """

    files: tuple[str, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    exported: frozenset[str] = frozenset()
    stopped: tuple[tuple[str, int], ...] = ()
    problems: tuple[str, ...] = ()

    def of(self, name: str) -> tuple[Assignment, ...]:
        """The assignments of one variable, in order."""
        return tuple(one for one in self.assignments if one.name == name)

    def last(self, name: str) -> Assignment | None:
        """The assignment that counts in the end, where that can be told: the last one, if it is
        unconditional.
        """
        found = self.of(name)
        return found[-1] if found and not found[-1].conditional else None


def read_session(host: Host, shell: Shell, session: Session) -> Reading:
    """What this shell reads when it is started like this."""
    reader = _Reader(host, shell, session)
    # A .zshenv may set ZDOTDIR, which moves the files after it and changes nothing in their number.
    for place in range(len(reader.files())):
        reader.read(reader.files()[place])
    return reader.reading()


def read_file(host: Host, path: PurePath) -> Reading:
    """One file alone, as the shell that it belongs to would read it."""
    text = str(path)
    shell = Shell.FISH if text.endswith(".fish") else Shell.BASH
    reader = _Reader(host, Shell.POWERSHELL if text.endswith(".ps1") else shell, Session(login=True))
    reader.read(path, follow=False)
    return reader.reading()


class _Reader:
    def __init__(self, host: Host, shell: Shell, session: Session) -> None:
        self._host = host
        self._shell = shell
        self._session = session
        self._known = {"HOME": str(host.home), "USER": host.environ.get("USER", "me")}
        self._known |= {name: text for name, text in host.environ.items() if name in {"ZDOTDIR", "SHELL"}}
        self._files: list[str] = []
        self._assignments: list[Assignment] = []
        self._exported: set[str] = set()
        self._stopped: list[tuple[str, int]] = []
        self._problems: list[str] = []

    def files(self) -> tuple[PurePath, ...]:
        """What the session reads, as far as that is known by now."""
        return profile_files(self._host, self._shell, self._session, folder=self._known.get("ZDOTDIR", ""))

    def reading(self) -> Reading:
        return Reading(
            tuple(self._files),
            tuple(self._assignments),
            frozenset(self._exported),
            tuple(self._stopped),
            tuple(self._problems),
        )

    def read(self, path: PurePath, depth: int = 0, *, conditional: bool = False, follow: bool = True) -> None:
        if depth > _DEEPEST or len(self._files) >= _MOST_FILES or str(path) in self._files:
            return
        try:
            data = self._host.read(path)
        except Unavailable as error:
            self._problems.append(error.what)
            return
        if data is None:
            return
        self._files.append(str(path))
        for line in parse_file(data.decode(errors="replace"), self._shell, self._known):
            certain = not (conditional or line.conditional)
            match line.does:
                case Set(name, value, exported, own):
                    self._set(Assignment(name, value, str(path), line.number, exported, own, not certain))
                case Export(name, exported):
                    (self._exported.add if exported else self._exported.discard)(name)
                case Unset(name):
                    self._unset(name, certain=certain)
                case Include(text) if follow:
                    self.read(self._host.path(text), depth + 1, conditional=not certain)
                case Stop():
                    self._stopped.append((str(path), line.number))
                    if not self._session.interactive:
                        return
                case _:
                    pass
        if follow and path == self._host.path("/etc/profile"):
            self._drops(depth)

    def _drops(self, depth: int) -> None:
        """/etc/profile reads these in a loop, which cannot be followed as a line."""
        folder = self._host.path("/etc/profile.d")
        try:
            names = self._host.listdir(folder)
        except Unavailable:
            return
        for name in names:
            if name.endswith(".sh"):
                self.read(folder / name, depth + 1)

    def _unset(self, name: str, *, certain: bool) -> None:
        """What was set before is gone, or may be."""
        kept = [one for one in self._assignments if one.name != name]
        if certain:
            self._exported.discard(name)
            self._known.pop(name, None)
        else:
            kept = [replace(one, conditional=True) if one.name == name else one for one in self._assignments]
        self._assignments = kept

    def _set(self, one: Assignment) -> None:
        self._assignments.append(one)
        if one.exported:
            self._exported.add(one.name)
        if one.value is not None and not one.conditional:
            self._known[one.name] = one.value
