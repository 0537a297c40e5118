"""go.mod files: what a module is called, what it requires, and what it takes back.

Two ways to read one. `parse` is for the main module: every directive must be known and right.
`parse_lax` is for dependencies, which is what a proxy sees: there only `module`, `go`, `require`,
`retract` and `ignore` count, and unknown directives are skipped, so that old readers survive new
files. Versions must be canonical or a shorthand that has a canonical form (`v1`); in retractions
they stay as written. Source: golang.org/x/mod/modfile/rule.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from modgate.errors import Invalid
from modgate.gomod import module
from modgate.gomod.modfile_lex import GO_SPACE, unquote
from modgate.gomod.modfile_syntax import Block, comment_text, parse_syntax
from modgate.gomod.texts import shown
from modgate.gomod.zippaths import MAX_GO_MOD

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.modfile_syntax import Line

__all__ = [
    "Exclude",
    "GoMod",
    "Godebug",
    "Ignore",
    "Module",
    "Replace",
    "Require",
    "Retract",
    "Tool",
    "module_path",
    "parse",
    "parse_lax",
]


@dataclass(frozen=True, slots=True)
class Module:
    """The module directive; `deprecated` is the message of its `// Deprecated:` paragraph."""

    path: str
    deprecated: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Godebug:
    """A `godebug key=value`."""

    key: str
    value: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Require:
    """A requirement; `indirect` where `// indirect` stands behind it."""

    path: str
    version: str
    indirect: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class Exclude:
    """A version that the build must not select."""

    path: str
    version: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Replace:
    """A replacement: of every version where `old_version` is empty, by a folder where `new_version` is."""

    old_path: str
    old_version: str
    new_path: str
    new_version: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Retract:
    """A closed interval of the module's own versions that it takes back, and why."""

    low: str
    high: str
    rationale: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """A package that `go tool` runs."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Ignore:
    """A folder that package patterns do not match."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class GoMod:
    """A go.mod, in the order of the file; `go` and `toolchain` are empty where it has none.

    Paths and versions are as the file has them: `module.check` has not been asked.
    """

    module: Module | None = None
    go: str = ""
    toolchain: str = ""
    godebug: tuple[Godebug, ...] = ()
    require: tuple[Require, ...] = ()
    exclude: tuple[Exclude, ...] = ()
    replace: tuple[Replace, ...] = ()
    retract: tuple[Retract, ...] = ()
    tool: tuple[Tool, ...] = ()
    ignore: tuple[Ignore, ...] = ()


def parse(data: bytes, *, name: str = "go.mod") -> GoMod:
    """A main module's go.mod. Raises Invalid for the first error, which says `name:line`."""
    return _Reader(name, strict=True).read(data)


def parse_lax(data: bytes, *, name: str = "go.mod") -> GoMod:
    """A dependency's go.mod: what only matters in a main module, or is not known, is skipped.

    Raises Invalid for the first error, which says `name:line`.
    """
    return _Reader(name, strict=False).read(data)


def module_path(data: bytes) -> str:
    """The module path of a go.mod that may be broken otherwise; empty if there is none.

    Source: modfile.ModulePath.
    """
    for line in data.decode("utf-8", "replace").split("\n"):
        text = line.partition("//")[0].strip(GO_SPACE)
        if not text.startswith("module"):
            continue
        rest = text[len("module") :]
        path = rest.strip(GO_SPACE)
        if path in {"", rest}:
            continue
        if path[0] in {'"', "`"}:
            try:
                return unquote(path)
            except Invalid:
                return ""
        return path
    return ""


_BLOCKS: Final = frozenset(
    ["module", "godebug", "require", "exclude", "replace", "retract", "tool", "ignore"]
)
_LAX: Final = frozenset(["go", "module", "retract", "require", "ignore"])
_GO_VERSION = re.compile(r"[1-9][0-9]*\.(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))?(?:[a-z]+[0-9]+)?")
_LAX_GO_VERSION = re.compile(r"v?([1-9][0-9]*\.(?:0|[1-9][0-9]*))[^0-9].*")
_TOOLCHAIN = re.compile(r"default\Z|go1(?:\Z|\.)")
_DEPRECATED = re.compile(r"(?:\A|\n\n)Deprecated: *(.*?)(?:\Z|\n\n)", re.DOTALL)
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:")


class _Directive(NamedTuple):
    """The words behind a directive's verb, the line they stand on, and its block."""

    args: list[str]
    line: Line
    block: Block | None


class _Reader:
    """Collects the directives of one file; each method below judges one kind of line."""

    def __init__(self, name: str, *, strict: bool) -> None:
        self._name = name
        self._strict = strict
        self._module: Module | None = None
        self._go = ""
        self._toolchain = ""
        self._godebug: list[Godebug] = []
        self._require: list[Require] = []
        self._exclude: list[Exclude] = []
        self._replace: list[Replace] = []
        self._retract: list[Retract] = []
        self._tool: list[Tool] = []
        self._ignore: list[Ignore] = []
        self._directives: dict[str, Callable[[_Directive], None]] = {
            "module": self._add_module,
            "go": self._add_go,
            "toolchain": self._add_toolchain,
            "godebug": self._add_godebug,
            "require": self._add_require,
            "exclude": self._add_exclude,
            "replace": self._add_replace,
            "retract": self._add_retract,
            "tool": self._add_tool,
            "ignore": self._add_ignore,
        }

    def read(self, data: bytes) -> GoMod:
        if len(data) > MAX_GO_MOD:
            raise Invalid(f"go.mod is too large (limit is {MAX_GO_MOD} bytes)", where=self._name)
        for statement in parse_syntax(data.decode("utf-8", "replace"), self._name):
            if isinstance(statement, Block):
                self._add_block(statement)
            else:
                self._add(statement.words[0], statement.words[1:], statement, None)
        return GoMod(
            self._module,
            self._go,
            self._toolchain,
            tuple(self._godebug),
            tuple(self._require),
            tuple(self._exclude),
            tuple(self._replace),
            tuple(self._retract),
            tuple(self._tool),
            tuple(self._ignore),
        )

    def _add_block(self, block: Block) -> None:
        if len(block.words) == 1 and block.words[0] in _BLOCKS:
            for line in block.lines:
                self._add(block.words[0], line.words, line, block)
        elif self._strict:
            verb = shown(" ".join(block.words))
            raise Invalid(f"unknown block type: {verb}", where=f"{self._name}:{block.number}")

    def _add(self, verb: str, args: list[str], line: Line, block: Block | None) -> None:
        if not self._strict and verb not in _LAX:
            return
        where = f"{self._name}:{line.number}"
        add = self._directives.get(verb)
        if add is None:
            raise Invalid(f"unknown directive: {shown(verb)}", where=where)
        try:
            add(_Directive(args, line, block))
        except Invalid as err:
            err.where = where
            raise

    def _add_go(self, it: _Directive) -> None:
        if self._go:
            raise Invalid("repeated go statement")
        version = _only(it.args, "go 1.23.0")
        if _GO_VERSION.fullmatch(version) is None:
            loose = None if self._strict else _LAX_GO_VERSION.fullmatch(version)
            if loose is None:
                raise Invalid(f"invalid go version {shown(version)}: must match format 1.23.0")
            version = loose[1]
        self._go = version

    def _add_toolchain(self, it: _Directive) -> None:
        if self._toolchain:
            raise Invalid("repeated toolchain statement")
        toolchain = _only(it.args, "toolchain go1.23.0")
        if _TOOLCHAIN.match(toolchain) is None:
            raise Invalid(f"invalid toolchain {shown(toolchain)}: must match format go1.23.0 or default")
        self._toolchain = toolchain

    def _add_module(self, it: _Directive) -> None:
        if self._module is not None:
            raise Invalid("repeated module statement")
        path = _string(_only(it.args, "module example.com/path"))
        match = _DEPRECATED.search(comment_text(it.line, it.block))
        self._module = Module(path, "" if match is None else match[1], it.line.number)

    def _add_godebug(self, it: _Directive) -> None:
        setting = _only(it.args, "godebug key=value")
        key, equals, value = setting.partition("=")
        if not equals or any(char in setting for char in "\"`',"):
            raise Invalid("usage: godebug key=value")
        self._godebug.append(Godebug(key, value, it.line.number))

    def _add_require(self, it: _Directive) -> None:
        path, version = _path_and_version(it.args, "require")
        self._require.append(Require(path, version, _is_indirect(it.line), it.line.number))

    def _add_exclude(self, it: _Directive) -> None:
        path, version = _path_and_version(it.args, "exclude")
        self._exclude.append(Exclude(path, version, it.line.number))

    def _add_replace(self, it: _Directive) -> None:
        arrow = 1 if it.args[1:2] == ["=>"] else 2
        if not arrow + 2 <= len(it.args) <= arrow + 3 or it.args[arrow] != "=>":
            raise Invalid("usage: replace module/path [v1.2.3] => other/module v1.4 (or ../local/directory)")
        old_path = _string(it.args[0])
        major = _path_major(old_path)
        old_version = ""
        if arrow == 2:
            old_version = _version(it.args[1])
            module.check_path_major(old_version, major)
        new_path = _string(it.args[arrow + 1])
        new_version = ""
        if len(it.args) == arrow + 3:
            new_version = _version(it.args[arrow + 2])
            if _is_directory_path(new_path):
                raise Invalid(f"replacement directory {shown(new_path)} cannot have a version")
        elif not _is_directory_path(new_path):
            raise Invalid(
                "replacement without version must be a directory (rooted, or starting with . or ..)"
            )
        elif "\\" in new_path:
            raise Invalid("replacement directory appears to be a Windows path")
        self._replace.append(Replace(old_path, old_version, new_path, new_version, it.line.number))

    def _add_retract(self, it: _Directive) -> None:
        try:
            low, high, rest = _interval(it.args)
        except Invalid:
            # A dependency may use a form of interval that is yet to be invented.
            if self._strict:
                raise
            return
        if rest and self._strict:
            raise Invalid(f"unexpected token after version: {shown(rest[0])}")
        self._retract.append(Retract(low, high, comment_text(it.line, it.block), it.line.number))

    def _add_tool(self, it: _Directive) -> None:
        self._tool.append(Tool(_string(_only(it.args, "tool example.com/path")), it.line.number))

    def _add_ignore(self, it: _Directive) -> None:
        self._ignore.append(Ignore(_string(_only(it.args, "ignore ./folder")), it.line.number))


def _only(args: list[str], usage: str) -> str:
    if len(args) != 1:
        raise Invalid(f"usage: {usage}")
    return args[0]


def _string(word: str) -> str:
    if word.startswith('"'):
        return unquote(word)
    # Reserved for later, and 'x' should not quietly be a path with quotes in it.
    if any(quote in word for quote in "\"'`"):
        raise Invalid(f"unquoted string {shown(word)} cannot contain a quote")
    return word


def _version(word: str) -> str:
    text = _string(word)
    version = module.canonical_version(text)
    if not version:
        raise Invalid(f"version {shown(text)} invalid: must be of the form v1.2.3")
    return version


def _path_major(path: str) -> str:
    _, major, ok = module.split_path_version(path)
    if not ok:
        raise Invalid(f"invalid module path {shown(path)}")
    return major


def _path_and_version(args: list[str], verb: str) -> tuple[str, str]:
    if len(args) != 2:
        raise Invalid(f"usage: {verb} module/path v1.2.3")
    path = _string(args[0])
    version = _version(args[1])
    module.check_path_major(version, _path_major(path))
    return path, version


def _interval(args: list[str]) -> tuple[str, str, list[str]]:
    """(low, high, the words behind) of `v1.0.0` or `[v1.0.0, v1.9.9]`."""
    if not args or args[0] == "(":
        raise Invalid("expected '[' or version")
    if args[0] != "[":
        version = _string(args[0])
        return version, version, args[1:]
    if len(args) < 5 or args[2] != "," or args[4] != "]":
        raise Invalid("expected [low, high]")
    return _string(args[1]), _string(args[3]), args[5:]


def _is_indirect(line: Line) -> bool:
    if not line.suffix:
        return False
    text = line.suffix[0].removeprefix("//").strip(GO_SPACE)
    return text == "indirect" or (text.startswith("indirect;") and text[9:10] in _SPACES)


_SPACES: Final = frozenset(GO_SPACE)


def _is_directory_path(path: str) -> bool:
    return (
        path in {".", ".."}
        or path.startswith(("./", ".\\", "../", "..\\", "/", "\\"))
        or _WINDOWS_DRIVE.match(path) is not None
    )
