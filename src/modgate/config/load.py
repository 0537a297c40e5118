"""Where values come from: defaults, go's environment, one file, variables, flags; the later wins.

Every problem of every layer is reported at once, with the place it stands at and, for a name that
does not exist, the one that was probably meant. The origin of every value is kept.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from modgate.config.goenv import go_defaults
from modgate.config.keys import (
    ENV_PREFIX,
    PATH_KEYS,
    TABLE_PATHS,
    all_keys,
    sections,
    unknown,
    unknown_within,
)
from modgate.config.model import Config
from modgate.config.places import default_store, user_config_file
from modgate.config.routing import unreached
from modgate.config.tomlfile import flatten, key_lines, parse_toml
from modgate.config.upstreams import upstream_warnings
from modgate.config.values import redact
from modgate.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic.fields import FieldInfo

__all__ = ["ConfigInvalid", "Loaded", "load", "warnings"]

_FILE_VARIABLE = f"{ENV_PREFIX}CONFIG"
_OF_THE_COMMANDS = {
    _FILE_VARIABLE,
    f"{ENV_PREFIX}LANG",
    f"{ENV_PREFIX}PUBLISH_TOKEN",
    f"{ENV_PREFIX}ADMIN_TOKEN",
}
"""Variables that are no keys: the commands read them."""
_GO_KEYS = ("upstream", "sumdb", "private", "no_proxy", "no_sumdb")


class ConfigInvalid(Invalid):
    """Everything that is wrong with a configuration: `problems`, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        count = len(problems)
        super().__init__("the configuration has a problem" if count == 1 else f"{count} problems")
        self.problems = tuple(problems)

    def lines(self) -> list[str]:
        """One line for each problem."""
        return list(self.problems)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration, for every key the place its value came from, and the file that it is read from.

    `read_at` is when (Unix seconds, before anything was read): what changed later is not in it.
    """

    config: Config
    origins: dict[str, str]
    file: Path | None = None
    read_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Entry:
    value: object
    origin: str


@dataclass(slots=True)
class _Layer:
    """The values of one place by dotted key, and what is wrong with its names."""

    entries: dict[str, _Entry] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class _GoDefaults(Protocol):
    def __call__(self, environ: Mapping[str, str]) -> dict[str, tuple[str, str]]: ...


def load(
    flags: Mapping[str, tuple[object, str]] | None = None,
    *,
    config_file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    ask_go: _GoDefaults = go_defaults,
    problems: Sequence[str] = (),
) -> Loaded:
    """The configuration of this process.

    `flags` maps dotted keys to (value, the flag as shown). `config_file` stands before
    `$MODGATE_CONFIG`, which stands before the user's own file if there is one. `problems` are those
    the caller already found and wants reported together with the others.

    Raises ConfigInvalid, which holds every problem.
    """
    env = os.environ if environ is None else environ
    read_at = time.time()
    flag_layer = _flag_layer(flags or {})
    env_layer = _env_layer(env)
    file_layer = _file_layer(config_file, env)
    written = [flag_layer, env_layer, file_layer]
    go_layer = _go_layer(written, env, ask_go)
    layers = [*written, go_layer]
    found = [*problems, *(problem for layer in written for problem in layer.problems)]
    origins = dict.fromkeys(all_keys(), "default")
    for layer in reversed(layers):
        origins |= {name: entry.origin for name, entry in layer.entries.items()}
    try:
        config = _validate(layers)
    except ValidationError as error:
        found += _explain(error, origins)
    if found:
        raise ConfigInvalid(list(dict.fromkeys(found))) from None
    file, _ = _chosen_file(config_file, env)
    return Loaded(config=config, origins=origins, file=file or user_config_file(env), read_at=read_at)


def warnings(config: Config) -> list[str]:
    """What is allowed and probably not meant, one sentence each."""
    texts = []
    if not config.listen.loopback and config.tls.client_ca is None:
        texts.append(
            f"{config.listen} can be reached from other machines and nothing asks who they are: "
            "every client may read every stored module, private ones included (tls.client_ca)"
        )
    if config.tls.cert is None and not config.listen.loopback:
        texts.append(f"{config.listen} speaks plain HTTP to other machines (tls.cert, tls.key)")
    if not config.sumdb:
        texts.append("no checksum database: modules are compared with their first sight only (sumdb)")
    if re.search(r"http://[^/@,|\s]+@", config.upstream):
        texts.append("upstream sends its credentials over plain http")
    return [*texts, *unreached(config), *upstream_warnings(config)]


def _validate(layers: list[_Layer]) -> Config:
    class Layered(BaseSettings, Config):  # type: ignore[misc]  # both name a model_config; ours is a subset
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return tuple(_Source(settings_cls, layer) for layer in layers)

    layered: Any = Layered  # its arguments come from the layers
    merged = layered()
    return Config.model_validate({name: getattr(merged, name) for name in Config.model_fields})


class _Source(PydanticBaseSettingsSource):
    """One layer in the form that pydantic-settings merges."""

    def __init__(self, settings_cls: type[BaseSettings], layer: _Layer) -> None:
        super().__init__(settings_cls)
        self._layer = layer

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """Not asked: `__call__` answers for all fields."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for name, entry in self._layer.entries.items():
            section, _, leaf = name.rpartition(".")
            (tree.setdefault(section, {}) if section else tree)[leaf] = entry.value
        return tree


def _flag_layer(flags: Mapping[str, tuple[object, str]]) -> _Layer:
    layer = _Layer()
    for name, (value, shown) in flags.items():
        if name in all_keys():
            layer.entries[name] = _Entry(value, shown)
        else:
            layer.problems.append(f"{shown}: no key {name}; {unknown(name)}")
    return layer


def _env_layer(environ: Mapping[str, str]) -> _Layer:
    layer = _Layer()
    known = {key.variable: key.name for key in all_keys().values()}
    for variable in sorted(environ):
        if not variable.startswith(ENV_PREFIX) or variable in _OF_THE_COMMANDS:
            continue
        if name := known.get(variable):
            layer.entries[name] = _Entry(environ[variable], variable)
        else:
            hint = unknown(variable.removeprefix(ENV_PREFIX), shown="variable")
            layer.problems.append(f"{variable}: no such variable; {hint}")
    return layer


def _chosen_file(config_file: Path | None, environ: Mapping[str, str]) -> tuple[Path | None, str]:
    """The file to read and who asked for it: one that was asked for must exist."""
    if config_file is not None:
        return config_file.expanduser(), "--config"
    if named := environ.get(_FILE_VARIABLE):
        return Path(named).expanduser(), _FILE_VARIABLE
    own = user_config_file(environ)
    return (own, "") if own.is_file() else (None, "")


def _file_layer(config_file: Path | None, environ: Mapping[str, str]) -> _Layer:
    layer = _Layer()
    path, asked_by = _chosen_file(config_file, environ)
    if path is None:
        return layer
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        shown = f"{asked_by} {path}" if asked_by else str(path)
        layer.problems.append(f"{shown}: cannot be read: {reason}")
        return layer
    try:
        tables = parse_toml(text)
    except ValueError as error:
        layer.problems.append(f"{path}: not valid TOML: {error}")
        return layer
    lines = key_lines(text)
    for name, value in flatten(tables, sections(), all_keys()).items():
        place = _place(path, name, lines)
        if name in all_keys():
            layer.entries[name] = _Entry(_beside(path, name, value), place)
        elif name in sections():
            layer.problems.append(f"{place}: {name} is a table: write [{name}] and its keys below")
        else:
            layer.problems.append(f"{place}: no key {name}; {unknown(name)}")
    return layer


def _place(path: Path, name: str, lines: Mapping[str, int]) -> str:
    """`file:line`, with the line of the nearest table where the key's own was not found."""
    while name:
        if name in lines:
            return f"{path}:{lines[name]}"
        name = name.rpartition(".")[0]
    return str(path)


def _beside(path: Path, name: str, value: object) -> object:
    """Relative paths in a file are meant from where the file is."""
    if name in TABLE_PATHS and isinstance(value, list):
        return [_tables_beside(path, name, each) for each in value]
    return _one_beside(path, value) if name in PATH_KEYS else value


def _tables_beside(path: Path, name: str, table: object) -> object:
    if not isinstance(table, dict):
        return table
    return {key: _one_beside(path, each) if key in TABLE_PATHS[name] else each for key, each in table.items()}


def _one_beside(path: Path, value: object) -> object:
    if not isinstance(value, str) or not value:
        return value
    if value == "memory" or ":" in value or value.startswith("~") or Path(value).is_absolute():
        return value
    return str(path.parent / value)


def _go_layer(
    written: Sequence[_Layer],
    environ: Mapping[str, str],
    ask_go: Callable[[Mapping[str, str]], dict[str, tuple[str, str]]],
) -> _Layer:
    """What nobody wrote: go's own settings, the store of this platform, what follows `private`."""
    layer = _Layer()
    layer.entries["store"] = _Entry(default_store(environ), "default")
    if all(_written(written, name) for name in _GO_KEYS):
        return layer
    for name, (text, origin) in ask_go(environ).items():
        layer.entries[name] = _Entry(_without_direct(text) if name == "upstream" else text, origin)
    if private := _written(written, "private"):
        for name in ("no_proxy", "no_sumdb"):
            layer.entries[name] = _Entry(private.value, f"private ({private.origin})")
    layer.entries.setdefault("upstream", _Entry("https://proxy.golang.org", "default"))
    layer.entries.setdefault("sumdb", _Entry("sum.golang.org", "default"))
    return layer


def _without_direct(chain: str) -> str:
    """What go's own GOPROXY means for a gate: its `direct` stays with the clients, who can go there by
    themselves. Where it was written for nobody in particular, each package path that is no module would be
    looked for at its origin, behind every 404 of the proxy. Alone it stands: there is nothing else.
    """
    return re.sub(r"(?<=.)\s*[,|]\s*direct\s*\Z", "", chain)


def _written(layers: Sequence[_Layer], name: str) -> _Entry | None:
    return next((layer.entries[name] for layer in layers if name in layer.entries), None)


def _explain(error: ValidationError, origins: Mapping[str, str]) -> list[str]:
    texts = []
    for item in error.errors(include_url=False):
        parts = [part for part in item["loc"] if isinstance(part, str)]
        number = next((part + 1 for part in item["loc"] if isinstance(part, int)), 0)
        name = ".".join(parts[:2]) if ".".join(parts[:2]) in origins else ".".join(parts[:1])
        if origins.get(name, "").startswith("private ("):
            continue  # the same patterns are told once, where they are written
        message = item["msg"].removeprefix("Value error, ")
        origin = origins.get(name) or _origin_within(name, origins)
        value = item["input"]
        # Their messages show the faulty entry, safely.
        told = name in {"upstream", "sumdb"} or (name == "upstreams" and parts[-1] in {"url", "proxy"})
        shown = f" (got {redact(repr(value))})" if isinstance(value, str | int | float) and not told else ""
        where = f"{origin}: " if origin else ""
        said = message[0].lower() + message[1:] if message[:2].istitle() else message
        if number and item["type"] == "extra_forbidden":
            # Its value is not shown: it may be a secret that belongs into a file.
            said, shown = f"no such key; {unknown_within(name, parts[-1])}", ""
        if number and len(parts) > 1:
            said = f"table {number}, {'.'.join(parts[1:])}: {said}"
        texts.append(f"{where}{said}{shown}" if name not in origins else f"{where}{name}: {said}{shown}")
    return texts


def _origin_within(section: str, origins: Mapping[str, str]) -> str:
    """Where the first written key of a table stands: the place of a problem of the whole table."""
    inside = (origin for name, origin in origins.items() if name.startswith(f"{section}."))
    return next((origin for origin in inside if origin != "default"), "")
