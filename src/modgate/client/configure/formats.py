"""One variable in a file of each scope: read, put, taken away; bytes in, bytes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.configure.gate import upstream_in, with_upstream
from modgate.client.configure.goenv_file import unset_in_goenv, value_in_goenv, written_to_goenv
from modgate.client.configure.places import Scope
from modgate.client.configure.profile import block_values, shell_of, with_values
from modgate.client.machine.jsonc import Malformed, parse
from modgate.client.machine.jsonc_edit import remove_value, set_value
from modgate.errors import Invalid
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.machine.shell_files import Shell

__all__ = ["TOOLS", "Unwritable", "changed", "is_bare", "value_in", "without_empty"]

TOOLS = "go.toolsEnvVars"


class Unwritable(Invalid):
    """A file that modgate does not dare to change; `why` says it in the person's language."""

    def __init__(self, why: Message) -> None:
        super().__init__(str(why.key))
        self.why = why


def value_in(scope: Scope, file: str, data: bytes, name: str, shell: Shell) -> str | None:
    """The value that the file gives to a variable, None where it gives none. Raises Unwritable."""
    match scope:
        case Scope.GOENV:
            return value_in_goenv(data, name)
        case Scope.SHELL:
            try:
                return block_values(data, shell_of(file, shell)).get(name)
            except Invalid as error:
                raise Unwritable(Message("use.unwritable.block", {"file": file})) from error
        case Scope.GATE:
            return upstream_in(data)
        case _:
            return _editor_value(file, data, name)


def changed(scope: Scope, file: str, data: bytes, values: Mapping[str, str | None], shell: Shell) -> bytes:
    """The file with these values; None takes one away. Raises Unwritable."""
    try:
        match scope:
            case Scope.GOENV:
                return _goenv(file, data, values)
            case Scope.SHELL:
                return _shell(file, data, values, shell)
            case Scope.GATE:
                return with_upstream(data, next(iter(values.values())))
            case _:
                return _editor(data, values)
    except Malformed as error:
        place = Message("use.unwritable.json", {"file": file, "line": error.line})
        raise Unwritable(place) from error
    except Unwritable:
        raise
    except Invalid as error:
        key = "block" if scope is Scope.SHELL else "toml" if scope is Scope.GATE else "form"
        raise Unwritable(Message(f"use.unwritable.{key}", {"file": file})) from error


def is_bare(scope: Scope, data: bytes) -> bool:
    """Whether nothing stands in the file any more that a person or a program could have put there."""
    text = data.decode("utf-8", "surrogateescape").strip()
    return not text or (scope in {Scope.VSCODE_USER, Scope.VSCODE_WORKSPACE} and not text.strip("{ \t\r\n}"))


def without_empty(data: bytes) -> bytes:
    """Settings without an empty `go.toolsEnvVars`; one that holds comments stays."""
    document = parse(data)
    node = document.find([TOOLS])
    if node is None or node.value != {} or document.text[node.start : node.end].strip("{ \t\r\n}"):
        return data
    return remove_value(data, [TOOLS])


def _goenv(file: str, data: bytes, values: Mapping[str, str | None]) -> bytes:
    if b"\x00" in data:
        raise Unwritable(Message("use.unwritable.utf16", {"file": file}))
    put = {name: text for name, text in values.items() if text is not None}
    gone = [name for name, text in values.items() if text is None]
    if gone:
        data = (
            unset_in_goenv(data, gone)
            if any(value_in_goenv(data, name) is not None for name in gone)
            else data
        )
    return written_to_goenv(data, put) if put else data


def _shell(file: str, data: bytes, values: Mapping[str, str | None], shell: Shell) -> bytes:
    language = shell_of(file, shell)
    block = {**block_values(data, language), **values}
    return with_values(data, language, {name: text for name, text in block.items() if text is not None})


def _editor(data: bytes, values: Mapping[str, str | None]) -> bytes:
    for name, text in values.items():
        data = remove_value(data, [TOOLS, name]) if text is None else set_value(data, [TOOLS, name], text)
    return data


def _editor_value(file: str, data: bytes, name: str) -> str | None:
    try:
        node = parse(data).find([TOOLS, name])
    except Malformed as error:
        raise Unwritable(Message("use.unwritable.json", {"file": file, "line": error.line})) from error
    if node is None:
        return None
    return node.value if isinstance(node.value, str) else None
