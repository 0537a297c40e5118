"""Which go.sum files are meant: a file, a folder with one, every module of a workspace, standard input.

Beside each is read what explains it: the go.mod, and the repository's CODEOWNERS. All of it through the Host,
so that nothing is written and a recording can be audited as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.sums.owners import PLACES
from modgate.errors import Invalid, Unavailable
from modgate.gomod import modfile
from modgate.gomod.modfile_lex import unquote
from modgate.gomod.modfile_syntax import Block, parse_syntax

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePath

    from modgate.client.machine.host import Host
    from modgate.gomod.modfile import GoMod

__all__ = ["STDIN", "Place", "find_places"]

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Place:
    """One go.sum and its surroundings.

    Attributes:
        name: As a person knows it: the path as given, or below the folder that was given.
        data: The go.sum.
        folder: The module's folder; None for standard input.
        go_mod: The go.mod beside it, None where there is none or it cannot be read.
        go_mod_name: Its path, as `name`.
        code_owners: The repository's CODEOWNERS, None without one.
        in_repository: The folder's path below the repository's root, `` for the root.
        problem: Why the go.mod could not be read.
    """

    name: str
    data: bytes
    folder: PurePath | None = None
    go_mod: GoMod | None = None
    go_mod_name: str = ""
    code_owners: bytes | None = None
    in_repository: str = ""
    problem: str = ""


def find_places(host: Host, named: Sequence[str], stdin: bytes) -> list[Place]:
    """The files that these arguments mean; without any, those of the folder one is in.

    Raises Invalid where there is none, Unavailable where one cannot be read.
    """
    found: list[Place] = []
    for word in named or ["."]:
        if word == STDIN:
            found.append(Place("stdin", stdin))
            continue
        path = host.cwd / word
        status = host.status(path)
        if status is None:
            raise Invalid("there is no such file or folder", where=word)
        found += (
            _of_folder(host, path, word, given=bool(named)) if status.folder else [_place(host, path, word)]
        )
    return list({place.name: place for place in found}.values())


def _of_folder(host: Host, folder: PurePath, word: str, *, given: bool) -> list[Place]:
    work = host.read(folder / "go.work")
    modules = _uses(work, str(folder / "go.work")) if work is not None else ["."]
    names = [
        _joined(below, "go.sum") for below in modules if host.status(folder / below / "go.sum") is not None
    ]
    if work is not None and host.status(folder / "go.work.sum") is not None:
        names.append("go.work.sum")
    if not names and not given and folder != folder.parent:
        # As go does: the module one is in may begin further up.
        return _of_folder(host, folder.parent, f"../{word}" if word != "." else "..", given=given)
    if not names:
        raise Invalid(
            "there is no go.sum", where=word, next_step="Name a go.sum, or a folder with a go.mod or go.work."
        )
    return [_place(host, folder / name, _joined(word, name)) for name in names]


def _joined(folder: str, name: str) -> str:
    below, name = folder.rstrip("/").removeprefix("./"), name.removeprefix("./")
    return name if below in {"", "."} else f"{below}/{name}"


def _uses(data: bytes, name: str) -> list[str]:
    """The folders of a go.work's `use` directives. Raises Invalid."""
    found: list[str] = []
    for statement in parse_syntax(data.decode("utf-8", "replace"), name):
        if isinstance(statement, Block):
            if statement.words == ["use"]:
                found += [line.words[0] for line in statement.lines]
        elif statement.words[0] == "use" and len(statement.words) == 2:
            found.append(statement.words[1])
    return [unquote(word) if word[:1] in {'"', "`"} else word for word in found]


def _place(host: Host, path: PurePath, name: str) -> Place:
    data = host.read(path)
    if data is None:
        raise Invalid("there is no such file", where=name)
    folder = path.parent
    go_mod, problem = None, ""
    go_mod_name = name.removesuffix("go.sum") + "go.mod" if name.endswith("go.sum") else ""
    if go_mod_name:
        try:
            content = host.read(folder / "go.mod")
            go_mod = None if content is None else modfile.parse(content, name=go_mod_name)
        except (Invalid, Unavailable) as error:
            problem = str(error.lines()[0])
    owners, below = _repository(host, folder)
    return Place(name, data, folder, go_mod, go_mod_name, owners, below, problem)


def _repository(host: Host, folder: PurePath) -> tuple[bytes | None, str]:
    """CODEOWNERS of the repository that a folder is in, and the folder's path within."""
    below: list[str] = []
    while True:
        if host.status(folder / ".git") is not None:
            found = (host.read(folder / place) for place in PLACES)
            return next((data for data in found if data is not None), None), "/".join(reversed(below))
        if folder == folder.parent:
            return None, ""
        below.append(folder.name)
        folder = folder.parent
