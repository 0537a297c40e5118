"""The environment of each consumer, with what put every variable there.

- `terminal`: the environment that modgate itself has; which line set a value is found by comparing.
- `gui`: what the desktop gives to a program that it starts.
- `gopls`: what the editor's extension gives to its tools. Under the editor's settings lies the extension
  host's environment: that of the running one where the system shows it, else the desktop's under what
  `$SHELL -ilc` makes of it.
- `vscode-terminal`: the same under `terminal.integrated.env.*`, and the profile of the new shell over it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.client.explain.desktop import Desktop, desktop_files, read_desktop
from modgate.client.explain.model import Consumer, Place, Source, State
from modgate.client.machine.host import System
from modgate.client.machine.vscode_env import PROXY_VARIABLES, expanded, tools_environment
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modgate.client.explain.profiles import Profiles
    from modgate.client.machine.host import Host
    from modgate.client.machine.vscode import Editor, EditorValue

__all__ = ["Environment", "environment_of", "terminal_key"]

_TERMINAL_KEYS = {System.LINUX: "linux", System.MACOS: "osx", System.WINDOWS: "windows"}


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables of one consumer.

    Attributes:
        values: All of them.
        sources: Of the names that were asked for, strongest first; the one that set the value has `wins`.
        predicted: Computed from files.
        notes: What holds for all of them.
    """

    values: Mapping[str, str]
    sources: Mapping[str, tuple[Source, ...]]
    predicted: bool = False
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class _Scene:
    """What every consumer's environment is computed from."""

    host: Host
    names: Sequence[str]
    profiles: Profiles
    editor: Editor | None
    desktop: Desktop


async def environment_of(
    host: Host,
    consumer: Consumer,
    names: Sequence[str],
    profiles: Profiles,
    *,
    editor: Editor | None,
    now: float,
) -> Environment:
    """The environment of a consumer; `names` are the variables whose sources are wanted, `now` is seconds
    since 1970.
    """
    terminal = consumer is Consumer.TERMINAL
    desktop = desktop_files(host, names) if terminal else await read_desktop(host, names)
    scene = _Scene(host, names, profiles, editor, desktop)
    if terminal:
        return _terminal(scene)
    if consumer is Consumer.GUI:
        return _gui(scene)
    base = await _extension_host(scene, now)
    return _gopls(scene, base) if consumer is Consumer.GOPLS else _editor_terminal(scene, base)


def terminal_key(system: System) -> str:
    """The setting whose variables the editor gives to its terminals on this system."""
    return f"terminal.integrated.env.{_TERMINAL_KEYS[system]}"


def _terminal(scene: _Scene) -> Environment:
    host, editor = scene.host, scene.editor
    within = host.environ.get("TERM_PROGRAM") == "vscode"
    sources: dict[str, tuple[Source, ...]] = {}
    for name in scene.names:
        actual = host.environ.get(name, "")
        found = list(scene.profiles.behind(name, actual))
        settings = list(_of_terminal(host, editor, name)) if editor else []
        outside = list(scene.desktop.sources.get(name, ()))
        won = bool(found) and found[0].state is State.WINS
        if actual and not won:
            candidates = [*(settings if within else []), *outside]
            setter = next((source for source in candidates if source.text == actual), None)
            if setter is None:
                set_by = Source(name, Place.ENVIRONMENT, actual, State.WINS, why=Message("explain.why.typed"))
            else:
                set_by = replace(setter, state=State.WINS, why=None)
                settings = [source for source in settings if source is not setter]
                outside = [source for source in outside if source is not setter]
            found.insert(0, set_by)
        elif name in host.environ and not actual:
            found.insert(
                0, Source(name, Place.ENVIRONMENT, "", State.UNSEEN, why=Message("explain.why.empty"))
            )
        over = State.HIDDEN if actual else State.UNSEEN
        late = None if actual else Message("explain.why.next-login")
        found += [replace(source, state=over, why=late) for source in outside]
        elsewhere = Message("explain.why.editor-terminals")
        found += [replace(source, state=State.UNSEEN, why=elsewhere) for source in settings]
        found += _unseen(_of_tools(host, editor, name) if editor else (), "explain.why.editor-tools")
        sources[name] = _seen_first(found)
    return Environment(host.environ, sources)


def _gui(scene: _Scene) -> Environment:
    host, editor = scene.host, scene.editor
    sources: dict[str, tuple[Source, ...]] = {}
    for name in scene.names:
        found = _ranked(scene.desktop.sources.get(name, ()))
        found += _unseen(scene.profiles.lines(name), "explain.why.shells-only")
        if editor:
            found += _unseen(_of_terminal(host, editor, name), "explain.why.editor-terminals")
            found += _unseen(_of_tools(host, editor, name), "explain.why.editor-tools")
        sources[name] = tuple(found)
    values = _with(host, scene.names, scene.desktop.values)
    return Environment(
        values, sources, predicted=not scene.desktop.asked, notes=_unasked(host, scene.desktop)
    )


async def _extension_host(scene: _Scene, now: float) -> Environment:
    """What the extension host has, before the editor's settings."""
    from modgate.client.machine.processes import ProcessKind, read_running  # noqa: PLC0415  for editors

    host, names, desktop, editor = scene.host, scene.names, scene.desktop, scene.editor
    running = [
        process
        for process in await read_running(host, now)
        if process.kind is ProcessKind.EXTENSION_HOST
        and process.environ
        and editor
        and process.editor == editor.name
    ]
    if running:
        youngest = max(running, key=lambda process: process.started)
        place = f"/proc/{youngest.pid}/environ"
        given = {name: youngest.environ[name] for name in names if name in youngest.environ}
        of_process = {
            name: (Source(name, Place.EDITOR_PROCESS, text, State.WINS, file=place),)
            for name, text in given.items()
        }
        note = Message("explain.note.running", {"name": youngest.editor, "pid": youngest.pid})
        return Environment(_with(host, names, given), of_process, notes=(note,))
    given = dict(desktop.values)
    sources: dict[str, tuple[Source, ...]] = {}
    for name in scene.names:
        outside = tuple(
            source for source in scene.desktop.sources.get(name, ()) if source.state is not State.UNSEEN
        )
        lines: tuple[Source, ...] = ()
        if scene.profiles.editor is not None:
            lines = scene.profiles.setting(scene.profiles.editor, name, inherited=name in given)
        found = _ranked((*lines, *outside))
        winner = next((source for source in found if source.state is State.WINS), None)
        if winner is not None:
            # Only the shell knows this one: what it made of it here is the best guess.
            given[name] = host.environ.get(name, "") if winner.text is None else winner.text
        readings = (scene.profiles.editor,) if scene.profiles.editor else ()
        sources[name] = (*found, *scene.profiles.unread(name, *readings))
    notes = (Message("explain.note.predicted"), *_unasked(host, desktop))
    return Environment(_with(host, names, given), sources, predicted=True, notes=notes)


def _gopls(scene: _Scene, base: Environment) -> Environment:
    host, editor = scene.host, scene.editor
    if editor is None:
        return replace(base, notes=(*base.notes, Message("explain.note.no-editor")))
    values = dict(base.values)
    given = tools_environment(host, editor, base.values)
    sources: dict[str, tuple[Source, ...]] = {}
    for name in scene.names:
        settings = list(_of_tools(host, editor, name))
        value = given.get(name)
        below = list(base.sources.get(name, ()))
        if value is not None and value.setting is not None:
            place = (value.setting.file, value.setting.line)
            settings.sort(key=lambda source: (source.file, source.line) != place)
            settings[:1] = [replace(settings[0], text=value.text, state=State.WINS)]
            below = [replace(source, state=_hidden(source.state)) for source in below]
            values[name] = value.text
        below += _unseen(_of_terminal(host, editor, name), "explain.why.editor-terminals")
        sources[name] = (*settings, *below)
    return Environment(values, sources, base.predicted, base.notes)


def _editor_terminal(scene: _Scene, base: Environment) -> Environment:
    host, editor = scene.host, scene.editor
    values = dict(base.values)
    sources: dict[str, tuple[Source, ...]] = {}
    for name in scene.names:
        settings = list(_of_terminal(host, editor, name)) if editor else []
        below = list(base.sources.get(name, ()))
        inherited = bool(values.get(name)) or bool(settings)
        lines = list(scene.profiles.setting(scene.profiles.terminal, name, inherited=inherited))
        places = {(source.file, source.line) for source in lines}
        below = [source for source in below if (source.file, source.line) not in places or not source.file]
        # null in the settings takes the variable away.
        taken = bool(settings) and settings[0].text is None
        found = _ranked([*lines, *settings, *(replace(one, state=_hidden(one.state)) for one in below)])
        winner = next((source for source in found if source.state is State.WINS), None)
        if winner is None or (winner.place is Place.EDITOR and taken):
            values.pop(name, None)
        elif winner.text is not None:
            values[name] = winner.text
        elif name in host.environ:
            values[name] = host.environ[name]
        tools = _unseen(_of_tools(host, editor, name), "explain.why.editor-tools") if editor else []
        sources[name] = (*_seen_first(found), *tools)
    return Environment(values, sources, predicted=True, notes=base.notes)


def _of_terminal(host: Host, editor: Editor, name: str) -> Iterable[Source]:
    key = terminal_key(host.system)
    found = editor.members(key).get(name)
    for value in (found.value, *found.hidden) if found else ():
        text = None if value.value is None else expanded(host, editor, host.environ, value.value)
        yield _from_editor(name, key, value, text)


def _of_tools(host: Host, editor: Editor, name: str) -> Iterable[Source]:
    """The settings that give this variable to the extension's tools, strongest first."""
    keys = [key for key, names in _KEYS.items() if name in names]
    for key in keys:
        setting = editor.setting(key)
        for value in (setting.value, *setting.hidden) if setting else ():
            if isinstance(value.value, str) and value.value:
                yield _from_editor(name, key, value, expanded(host, editor, host.environ, value.value))
    found = editor.members("go.toolsEnvVars").get(name)
    for value in (found.value, *found.hidden) if found else ():
        yield _from_editor(name, "go.toolsEnvVars", value, expanded(host, editor, host.environ, value.value))


_KEYS = {"http.proxy": PROXY_VARIABLES, "go.gopath": ("GOPATH",), "go.goroot": ("GOROOT",)}


def _from_editor(name: str, key: str, value: EditorValue, text: str | None) -> Source:
    return Source(
        name, Place.EDITOR, text, file=value.file, line=value.line, scope=value.scope.value, key=key
    )


def _ranked(sources: Iterable[Source]) -> list[Source]:
    """The first that is not unseen wins, the others are hidden by it; unseen ones go to the end."""
    found = _seen_first(sources)
    return [
        replace(source, state=State.HIDDEN if index else State.WINS)
        if source.state is not State.UNSEEN
        else source
        for index, source in enumerate(found)
    ]


def _seen_first(sources: Iterable[Source]) -> tuple[Source, ...]:
    return tuple(sorted(sources, key=lambda source: source.state is State.UNSEEN))


def _hidden(state: State) -> State:
    return State.UNSEEN if state is State.UNSEEN else State.HIDDEN


def _unseen(sources: Iterable[Source], why: str) -> list[Source]:
    return [replace(source, state=State.UNSEEN, why=Message(why)) for source in sources]


def _with(host: Host, names: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """This shell's environment with the asked variables as they are given: HOME and PATH are alike."""
    return {name: text for name, text in host.environ.items() if name not in names} | dict(given)


def _unasked(host: Host, desktop: Desktop) -> tuple[Message, ...]:
    if desktop.asked:
        return ()
    words = {System.MACOS: "launchctl getenv", System.WINDOWS: "reg query", System.LINUX: "systemctl --user"}
    return (Message("explain.note.not-asked", {"command": words[host.system]}),)
