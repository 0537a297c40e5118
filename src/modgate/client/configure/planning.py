"""A wish made into edits: which files, what is remembered of them, and what the change does not reach.

Nothing is written here. A plan is made from the files as they are now; when somebody changes one of them
meanwhile, carrying it out is refused and the plan is made again (`carrying`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.client.configure.editor_scope import editors_here, settings_files
from modgate.client.configure.formats import Unwritable, changed, is_bare, value_in, without_empty
from modgate.client.configure.memory import FOLDER, memory_of, remembered, with_written
from modgate.client.configure.places import Drafts, Scope, Written
from modgate.client.configure.profile import BEGIN, block_values, shell_of
from modgate.client.configure.shell_scope import put_into_profiles
from modgate.client.machine.shells import all_profile_files, current_shell
from modgate.errors import Invalid, Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePath

    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings
    from modgate.client.machine.shell_files import Shell
    from modgate.client.repair.plan import FileEdit

__all__ = ["Order", "Plan", "plan_change", "plan_reset"]

_EDITORS = frozenset({Scope.VSCODE_USER, Scope.VSCODE_WORKSPACE})


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be written.

    Attributes:
        scope: Where.
        values: By name; None takes the variable away.
        shell: The person's.
        editors: Names of editors to write for; all that are here where empty.
        upstream: The gate's configuration file and what it gets; None where no gate needs it.
    """

    scope: Scope
    values: Mapping[str, str | None]
    shell: Shell
    editors: tuple[str, ...] = ()
    upstream: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done.

    Attributes:
        edits: Of people's files, to be shown.
        memory: Of modgate's own memory, made with them.
        written: What the edits change, variable by variable.
        left: What a reset does not touch, and why.
        files: Every file that was looked at for the scope, changed or not.
    """

    edits: tuple[FileEdit, ...] = ()
    memory: tuple[FileEdit, ...] = ()
    written: tuple[Written, ...] = ()
    left: tuple[Message, ...] = ()
    files: tuple[str, ...] = field(default=())


def plan_change(host: Host, go: GoSettings, order: Order, state: PurePath) -> Plan:
    """The edits of a wish. Raises Unwritable, Unavailable, Invalid."""
    drafts = Drafts(host)
    files = _into(host, go, order, drafts)
    if order.upstream is not None:
        file, chain = order.upstream
        drafts.write(file, changed(Scope.GATE, file, drafts.read(file) or b"", {"": chain}, order.shell))
    written = _written(drafts.edits(), order)
    return Plan(drafts.edits(), _remembered(host, state, written), written, files=files)


def plan_reset(host: Host, state: PurePath, scope: Scope | None, names: frozenset[str]) -> Plan:
    """The edits that take away what modgate wrote: all of it, or one scope, or some variables."""
    drafts, shell = Drafts(host), current_shell(host)
    wanted = [
        item
        for item in _all_remembered(host, state)
        if (scope is None or item.scope is scope) and (not names or item.name in names)
    ]
    done: list[Written] = []
    left: list[Message] = []
    for item in wanted:
        data = drafts.read(item.file)
        now = value_in(item.scope, item.file, data or b"", item.name, shell)
        done.append(Written(item.scope, item.file, item.name, item.after, item.before))
        if now == item.before or (data is None and item.before is None):
            continue
        if now != item.after:
            left.append(Message("use.left.changed", {"name": item.name, "file": item.file}))
            continue
        after = changed(item.scope, item.file, data or b"", {item.name: item.before}, shell)
        if item.scope in _EDITORS and item.before is None:
            after = without_empty(after)
        drafts.write(item.file, after)
    made = {item.file: item.scope for item in wanted if item.made}
    for file, its in made.items():
        data = drafts.read(file)
        if data is not None and is_bare(its, data):
            drafts.write(file, None)
    if scope in {None, Scope.SHELL} and not names:
        _drop_blocks(host, drafts, shell)
    return Plan(drafts.edits(), _remembered(host, state, tuple(done)), tuple(done), tuple(left))


def _into(host: Host, go: GoSettings, order: Order, drafts: Drafts) -> tuple[str, ...]:
    """Put the values into the drafts of the scope's files; returns the files."""
    if order.scope is Scope.SHELL:
        return put_into_profiles(host, order.shell, drafts, order.values)
    if order.scope is Scope.GOENV:
        if not go.goenv_file:
            raise Unwritable(Message("use.unwritable.goenv-off"))
        files: tuple[str, ...] = (go.goenv_file,)
    else:
        files = settings_files(host, order.scope, editors_here(host, order.editors))
        if not files:
            raise Unwritable(Message("use.unwritable.no-editor"))
    for file in files:
        data = drafts.read(file)
        after = changed(order.scope, file, data or b"", order.values, order.shell)
        if data is not None or after:
            drafts.write(file, after)
    return files


def _written(edits: tuple[FileEdit, ...], order: Order) -> tuple[Written, ...]:
    found: list[Written] = []
    for edit in edits:
        file = str(edit.path)
        gate = order.upstream is not None and file == order.upstream[0]
        scope = Scope.GATE if gate else order.scope
        for name in ("upstream",) if gate else order.values:
            before = value_in(scope, file, edit.before or b"", name, order.shell)
            after = value_in(scope, file, edit.after or b"", name, order.shell)
            if before != after:
                found.append(Written(scope, file, name, before, after, made=edit.before is None))
    return tuple(found)


def _remembered(host: Host, state: PurePath, written: tuple[Written, ...]) -> tuple[FileEdit, ...]:
    drafts = Drafts(host)
    for item in written:
        memory = str(state / FOLDER / memory_of(item.file))
        drafts.write(memory, with_written(drafts.read(memory), [item]))
    return drafts.edits()


def _all_remembered(host: Host, state: PurePath) -> list[Written]:
    folder = host.path(str(state / FOLDER))
    names = [name for name in host.listdir(folder) if name.endswith(".json")]
    return [item for name in names for item in remembered(host.read(folder / name))]


def _drop_blocks(host: Host, drafts: Drafts, shell: Shell) -> None:
    """A marked block is modgate's own, whether it is remembered or not."""
    for path in all_profile_files(host):
        file = str(path)
        try:
            data = drafts.read(file)
        except Unavailable:
            continue
        if data is not None and BEGIN.encode() in data:
            drafts.write(
                file, changed(Scope.SHELL, file, data, dict.fromkeys(_names(file, data, shell)), shell)
            )


def _names(file: str, data: bytes, shell: Shell) -> tuple[str, ...]:
    try:
        return tuple(block_values(data, shell_of(file, shell)))
    except Invalid as error:
        raise Unwritable(Message("use.unwritable.block", {"file": file})) from error
