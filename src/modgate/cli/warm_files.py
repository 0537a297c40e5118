"""What `modgate warm` is told on its command line, read and made into the parameters of the operation.

A go.mod means what go needs for it, with the go.sum beside it as a witness; a go.sum or go.work.sum means
each of its lines; a go.work means its modules together. A folder means its go.work, else its go.mod. Local
replacements are followed where their folder is there. What has an `@` and is no file is a module.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modgate.errors import Invalid, Unavailable
from modgate.gomod import gosum, modfile
from modgate.gomod.buildlist import Needs, needs_of
from modgate.gomod.module import check, check_path
from modgate.gomod.toolchain import check_platform, toolchain_version
from modgate.gomod.workfile import parse_work

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modgate.gomod.gosum import GoSum
    from modgate.gomod.modfile import GoMod, Replace

__all__ = ["NAMED", "Wish", "host_platform", "read_wish"]

NAMED = "named"
"""Among toolchains: those that the files name."""

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i686": "386"}


@dataclass(slots=True)
class Wish:
    """The parameters, in the making."""

    mods: dict[str, None] = field(default_factory=dict)
    zips: dict[str, None] = field(default_factory=dict)
    graphs: list[dict[str, Any]] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)
    toolchains: dict[str, None] = field(default_factory=dict)

    def params(self) -> dict[str, Any]:
        """As the operation takes them."""
        lines = {"mods": [each for each in self.mods if each not in self.zips], "zips": list(self.zips)}
        return {**lines, "graphs": self.graphs, "modules": self.modules}

    def take_sums(self, sums: GoSum) -> None:
        """Want each line: the zip of a version, or its go.mod alone."""
        for each in sums:
            version = each.version.removesuffix(gosum.GO_MOD_SUFFIX)
            wanted = self.mods if version != each.version else self.zips
            wanted[str(check(each.path, version))] = None

    def name_toolchain(self, line: str) -> None:
        """Remember what a `toolchain` or `go` line names, where that can be a release."""
        if line.startswith("go1.") or line.count(".") == 2:
            self.toolchains[line if line.startswith("go") else f"go{line}"] = None


def read_wish(words: Sequence[str], *, every_line: bool, toolchains: Sequence[str], platforms: str) -> Wish:
    """Read what the words name.

    Without any, and without a toolchain, it is the go.work or go.mod that go would find from here. With
    `every_line` each go.sum counts as if it were named itself. Raises Invalid, and Unavailable for a file
    that cannot be read.
    """
    wish = Wish()
    for word in words or ([] if toolchains and NAMED not in toolchains else [_nearest()]):
        path = Path(word)
        if path.is_dir():
            _take_folder(wish, path, every_line=every_line)
        elif path.is_file():
            _take_file(wish, path, every_line=every_line)
        elif "@" in word and not word.endswith("@"):
            check_path(word.partition("@")[0])
            wish.modules.append(word)
        else:
            raise Invalid(
                "there is no such file or folder",
                where=word,
                next_step="A module is written with its version: module@v1.2.3, or module@latest.",
            )
    names = [name for each in toolchains for name in (wish.toolchains if each == NAMED else [each])]
    for name in names:
        for where in _platforms(platforms):
            wish.zips[str(toolchain_version(name, where))] = None
    return wish


def host_platform() -> str:
    """What `go env GOHOSTOS`/`GOHOSTARCH` say on this machine, as far as can be told without go."""
    machine = platform.machine().lower()
    return f"{platform.system().lower()}/{_MACHINES.get(machine, machine)}"


def _platforms(written: str) -> list[str]:
    return [check_platform(each.strip()) for each in written.split(",")] if written else [host_platform()]


def _nearest() -> str:
    """The file that go would use in this folder. Raises Invalid."""
    folder = Path.cwd()
    folders = [folder, *folder.parents]
    named = os.environ.get("GOWORK", "")
    if named not in {"", "off"}:
        return named
    names = ("go.mod",) if named else ("go.work", "go.mod")
    for name in names:
        for each in folders:
            if (each / name).is_file():
                return os.path.relpath(each / name)
    raise Invalid(
        "there is no go.mod or go.work here or above",
        next_step="Name a go.mod, go.sum, go.work, a folder with one, or module@version.",
    )


def _take_folder(wish: Wish, folder: Path, *, every_line: bool) -> None:
    for name in ("go.work", "go.mod", "go.sum"):
        if (folder / name).is_file():
            _take_file(wish, folder / name, every_line=every_line)
            return
    raise Invalid("this folder has no go.mod, go.sum or go.work", where=str(folder))


def _take_file(wish: Wish, file: Path, *, every_line: bool) -> None:
    match file.suffix:
        case ".sum":
            wish.take_sums(_sums(file))
        case ".work":
            _take_work(wish, file, every_line=every_line)
        case ".mod":
            _take_mod(wish, file, every_line=every_line)
        case _:
            raise Invalid("this is no go.mod, go.sum or go.work", where=str(file))


def _take_mod(wish: Wish, file: Path, *, every_line: bool) -> None:
    go_mod = modfile.parse(_read(file), name=str(file))
    sums = _sums(file.with_suffix(".sum"))
    replace = _Replacements()
    replace.take(go_mod.replace, file.parent)
    _take_graph(wish, [(file, go_mod)], sums, replace, workspace=False)
    wish.name_toolchain(go_mod.toolchain or go_mod.go)
    if every_line:
        wish.take_sums(sums)


def _take_work(wish: Wish, file: Path, *, every_line: bool) -> None:
    work = parse_work(_read(file), name=str(file))
    replace = _Replacements()
    replace.take(work.replace, file.parent)
    mains = []
    sums = [*_sums(file.with_suffix(".work.sum"))]
    for use in work.use:
        place = file.parent / use.path / "go.mod"
        go_mod = modfile.parse(_read(place), name=str(place))
        mains.append((place, go_mod))
        sums += _sums(place.with_suffix(".sum"))
    for place, go_mod in mains:
        replace.take(go_mod.replace, place.parent, after_work=True)
    together = gosum.GoSum(sums)
    _take_graph(wish, mains, together, replace, workspace=True)
    wish.name_toolchain(work.toolchain or work.go)
    if every_line:
        wish.take_sums(together)


def _take_graph(
    wish: Wish,
    mains: Sequence[tuple[Path, GoMod]],
    sums: GoSum,
    replace: _Replacements,
    *,
    workspace: bool,
) -> None:
    wish.graphs.append(
        {
            "mains": {
                go_mod.module.path if go_mod.module else str(file): _document(needs_of(go_mod))
                for file, go_mod in mains
            },
            "workspace": workspace,
            "exclude": [(each.path, each.version) for _, go_mod in mains for each in go_mod.exclude],
            "replace": [(*old, *new) for old, new in replace.by_old.items()],
            "folders": {path: _document(needs) for path, needs in replace.folders.items()},
            "known": [f"{each.path}@{each.version}" for each in sums if not _of_go_mod(each.version)],
            "known_mods": [
                f"{each.path}@{each.version.removesuffix(gosum.GO_MOD_SUFFIX)}"
                for each in sums
                if _of_go_mod(each.version)
            ],
        }
    )


def _of_go_mod(version: str) -> bool:
    return version.endswith(gosum.GO_MOD_SUFFIX)


class _Replacements:
    """The replacements of a go.mod, or of a go.work and its modules, and what their folders require."""

    def __init__(self) -> None:
        self.by_old: dict[tuple[str, str], tuple[str, str]] = {}
        self.folders: dict[str, Needs] = {}
        self._whole: set[str] = set()

    def take(self, lines: Iterable[Replace], base: Path, *, after_work: bool = False) -> None:
        """Add the lines of a file in the folder `base`; where a go.work has spoken, it counts."""
        for each in lines:
            old = (each.old_path, each.old_version)
            if after_work and (old in self.by_old or each.old_path in self._whole):
                continue
            new = each.new_path
            if not each.new_version:
                folder = base / each.new_path
                new = str(folder.absolute())
                go_mod = folder / "go.mod"
                if go_mod.is_file():
                    self.folders[new] = needs_of(modfile.parse_lax(_read(go_mod), name=str(go_mod)))
            self.by_old[old] = (new, each.new_version)
            if not after_work and not each.old_version:
                self._whole.add(each.old_path)


def _document(needs: Needs) -> dict[str, Any]:
    return {"go": needs.go, "require": needs.require}


def _sums(file: Path) -> GoSum:
    """A go.sum; an empty one where there is none."""
    return gosum.parse(_read(file), name=str(file)) if file.is_file() else gosum.GoSum()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise Invalid("there is no such file", where=str(file)) from error
    except OSError as error:
        raise Unavailable(f"it cannot be read: {error.strerror}", where=str(file)) from error
