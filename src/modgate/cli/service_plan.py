"""The service that a configuration asks for: its command, what it reads and writes, what its user cannot see.

A service has neither this shell's variables nor, where it is the machine's, its user's files. What of that
the configuration rests on is told before the service is made, with the way to give it.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import modgate
from modgate.cli.config_files import named_files
from modgate.client.service.plan import Plan
from modgate.config import redact
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modgate.config import Loaded

__all__ = ["MACHINE_STORE", "plan_for"]

MACHINE_STORE = Path("/var/lib/modgate/store")
"""Where systemd's `StateDirectory=modgate` is."""

_STANDARD = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
_GO_KEYS = ("upstream", "sumdb", "private", "no_proxy", "no_sumdb")
_OF_COMMANDS = frozenset({"MODGATE_LANG", "MODGATE_CONFIG", "MODGATE_ADMIN_TOKEN", "MODGATE_PUBLISH_TOKEN"})


def plan_for(
    loaded: Loaded,
    environ: Mapping[str, str],
    *,
    system: bool,
    program: Sequence[str],
    namespaces: bool = True,
) -> tuple[Plan, list[Message]]:
    """The plan, and what a person should know before it is carried out.

    Args:
        loaded: The configuration as this shell sees it.
        environ: The variables of this shell.
        system: Whether the service is the machine's.
        program: What runs modgate.
        namespaces: Whether an unprivileged user may make namespaces here.
    """
    config = loaded.config
    file = loaded.file if loaded.file is not None and loaded.file.is_file() else None
    home = environ.get("HOME") or "/"
    own_store = config.store.path is not None and loaded.origins["store"] != "default"
    store: Path | None = None
    if config.store.path is not None and (own_store or not system):
        store = config.store.path.absolute()
    handed, reads, notes = _files(loaded, system=system)
    if file is not None:
        reads.append(str(file.absolute()))
    command = [*program, "serve", *(["--config", str(file.absolute())] if file is not None else [])]
    notes += _surroundings(loaded, environ, system=system, file=file)
    if system and store is not None:
        notes.append(Message("service.note.store", {"store": str(store)}))
    if system and file is not None and not _others_read(file):
        notes.append(Message("service.note.config", {"file": str(file)}))
    notes += [
        Message("service.note.tmp", {"file": path})
        for path in reads
        if path.startswith(("/tmp/", "/var/tmp/"))  # noqa: S108  what is meant
    ]
    cache = config.vcs.cache
    environment_file = "/etc/modgate/environment" if system else f"{home}/.config/modgate/environment"
    plan = Plan(
        command=tuple(command),
        system=system,
        store=None if store is None else str(store),
        reads=tuple(dict.fromkeys([*_program_files(program), *reads])),
        writes=() if cache is None else (str(cache.expanduser().absolute()),),
        credentials=tuple(handed),
        environment=tuple(_environment(environ, system=system)),
        environment_file=environment_file,
        home=home,
        stop_seconds=int(config.limits.grace) + 15,
        namespaces=namespaces,
        low_port=config.listen.socket is None and 0 < config.listen.port < 1024,
    )
    return plan, notes


def _files(loaded: Loaded, *, system: bool) -> tuple[list[tuple[str, str]], list[str], list[Message]]:
    """Files that are handed over, files that are read where they are, and notes about both."""
    handed, reads, notes = [], [], []
    for file in named_files(loaded):
        path = str(file.path.absolute())
        if not system or _others_read(file.path):
            reads.append(path)
        elif "," in file.key:
            # A key in a list of tables cannot be set by a variable.
            reads.append(path)
            notes.append(Message("service.note.unreadable", {"file": path}))
        else:
            handed.append((file.key, path))
            notes.append(Message("service.note.handed", {"file": path}))
    return handed, reads, notes


def _others_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return True


def _surroundings(
    loaded: Loaded, environ: Mapping[str, str], *, system: bool, file: Path | None
) -> Iterator[Message]:
    """What this shell has and the service will not have."""
    where = str(file or loaded.file or "")
    ours = [name for name in environ if name.startswith("MODGATE_") and name not in _OF_COMMANDS]
    if ours:
        yield Message("service.note.variables", {"names": ", ".join(sorted(ours)), "file": where})
    asked = [key for key in _GO_KEYS if loaded.origins.get(key, "").startswith(("go env", "GO"))]
    if asked and system:
        yield Message("service.note.go", {"keys": ", ".join(asked), "file": where})
    for name in _variables(environ):
        if redact(environ[name]) != environ[name]:
            yield Message("service.note.proxy", {"name": name})
    config = loaded.config
    secrets = [config.publish.token_env, *(each.token_env for each in config.credentials)]
    secrets += [each.secret_env for each in config.upstreams]
    named = ", ".join(dict.fromkeys(filter(None, secrets)))
    if named:
        yield Message("service.note.secrets", {"names": named})
    if system and any(each.kind == "ssh" for each in config.credentials):
        yield Message("service.note.ssh")


def _variables(environ: Mapping[str, str]) -> list[str]:
    return [name for each in _PROXIES for name in (each, each.lower()) if environ.get(name)]


def _environment(environ: Mapping[str, str], *, system: bool) -> Iterator[tuple[str, str]]:
    """PATH with git and go as found here, the proxies that hold no password, the user's own folders."""
    found = (shutil.which(name, path=environ.get("PATH")) for name in ("git", "go", "ssh"))
    folders = [str(Path(each).parent) for each in found if each]
    yield "PATH", ":".join(dict.fromkeys([*folders, *_STANDARD]))
    for name in _variables(environ):
        if redact(environ[name]) == environ[name]:
            yield name, environ[name]
    for name in () if system else ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        if environ.get(name, "").startswith("/"):
            yield name, environ[name]


def _program_files(program: Sequence[str]) -> list[str]:
    """Where the interpreter, its libraries and modgate itself lie."""
    folders = [sys.prefix, sys.base_prefix, str(Path(modgate.__file__).resolve().parents[1])]
    return [*folders, str(Path(os.path.realpath(program[0])).parent)]
