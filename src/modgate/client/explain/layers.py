"""The sources of a variable over all layers: the environment, go's two files, the built-in default."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.client.explain.model import Explained, Place, Source, State
from modgate.client.machine.editor_values import PROXIES
from modgate.client.machine.golayers import goenv_path, parse_env_file
from modgate.client.machine.settings import Layer
from modgate.errors import Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modgate.client.explain.environments import Environment
    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings, Setting

__all__ = ["explain_go", "explain_plain", "unread_goenv"]

_PLACES = {Layer.GOENV: Place.GOENV, Layer.GOROOT: Place.GOROOT}
_FROM_OTHERS = {"GOMODCACHE": "GOPATH", "GONOPROXY": "GOPRIVATE", "GONOSUMDB": "GOPRIVATE"}


def explain_go(
    name: str,
    environment: Environment,
    go: GoSettings,
    *,
    defaults: Mapping[str, str],
    unread: Mapping[str, tuple[Source, ...]],
    changed: bool,
) -> Explained:
    """A variable that go reads. `defaults` are the built-in ones, `unread` the lines of a GOENV file that is
    not read.
    """
    setting = go.settings.get(name)
    from_os = environment.sources.get(name, ())
    if setting is None or setting.value.layer is not Layer.OS:
        from_os = tuple(_powerless(source) for source in from_os)
    seen = [source for source in from_os if source.state is not State.UNSEEN]
    unseen = [source for source in from_os if source.state is State.UNSEEN]
    seen += _written(name, setting)
    default = defaults.get(name, "")
    if setting is not None and setting.value.layer is Layer.BUILT_IN:
        default = setting.value.text
    if default:
        wins = setting is not None and setting.value.layer is Layer.BUILT_IN
        seen.append(_default(name, default, go, wins=wins))
    return Explained(
        name,
        go[name] if setting is not None else None,
        (*seen, *unread.get(name, ()), *unseen),
        changed=changed,
        predicted=environment.predicted,
    )


def explain_plain(name: str, environment: Environment) -> Explained:
    """A variable that go does not keep in its files; of a proxy variable both spellings."""
    spelt = PROXIES.get(name, (name,))
    found: list[Source] = []
    value: str | None = None
    for form in spelt:
        sources = environment.sources.get(form, ())
        if value is not None:
            why = Message("explain.why.spelling", {"name": spelt[0]})
            sources = tuple(
                replace(source, state=State.HIDDEN, why=why) if source.state is State.WINS else source
                for source in sources
            )
        # One setting (http.proxy) may stand for both spellings.
        known = {(source.place, source.file, source.line) for source in found if source.file}
        found += [one for one in sources if (one.place, one.file, one.line) not in known]
        value = value or environment.values.get(form) or None
    ordered = sorted(found, key=lambda source: source.state is State.UNSEEN)
    return Explained(name, value, tuple(ordered), changed=value is not None, predicted=environment.predicted)


def unread_goenv(host: Host, go: GoSettings) -> dict[str, tuple[Source, ...]]:
    """The lines of the usual GOENV file where GOENV names another one or `off`."""
    usual = goenv_path(host.system, {name: text for name, text in host.environ.items() if name != "GOENV"})
    if not usual or usual == go.goenv_file:
        return {}
    try:
        data = host.read(host.path(usual))
    except Unavailable:
        return {}
    found: dict[str, tuple[Source, ...]] = {}
    why = Message("explain.why.goenv-elsewhere", {"value": host.environ.get("GOENV", "")})
    for line in parse_env_file(data or b""):
        one = Source(line.key, Place.GOENV, line.text, State.UNSEEN, file=usual, line=line.line, why=why)
        found[line.key] = (one, *found.get(line.key, ()))
    return found


def _powerless(source: Source) -> Source:
    """A place in the environment that gives an empty value, which go passes over."""
    if source.state is State.WINS:
        return replace(source, state=State.UNSEEN, why=Message("explain.why.empty"))
    return source


def _written(name: str, setting: Setting | None) -> Iterator[Source]:
    if setting is None:
        return
    for value in (setting.value, *setting.hidden):
        place = _PLACES.get(value.layer)
        if place is not None:
            wins = value is setting.value
            why = Message("explain.why.empty-line") if not value.text and not wins else None
            state = State.WINS if wins else State.HIDDEN
            yield Source(name, place, value.text, state, file=value.file, line=value.line, why=why)


def _default(name: str, text: str, go: GoSettings, *, wins: bool) -> Source:
    other = _FROM_OTHERS.get(name, "")
    derived = (
        other and go[other] and (other == "GOPRIVATE" or go.settings[other].value.layer is not Layer.BUILT_IN)
    )
    why = Message("explain.why.derived", {"name": other}) if derived else None
    if wins and name == "GOCACHE" and text == "off":
        why = Message("explain.why.cache-off")
    return Source(name, Place.BUILT_IN, text, State.WINS if wins else State.HIDDEN, why=why)
