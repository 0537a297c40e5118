"""The files that a configuration names: whether they are there, can be read, and keep what they hold.

Only metadata is looked at, and whether a certificate and its key belong together. What would keep the
server from starting is a problem; what others could read although it is a secret is a warning.
"""

from __future__ import annotations

import os
import ssl
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.config.keys import PATH_KEYS, TABLE_PATHS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modgate.config import Config, Loaded
    from modgate.messages import Catalogue

__all__ = ["NamedFile", "Verdict", "judge", "named_files"]

_FOLDERS = frozenset({"store", "vcs.cache"})
_SECRETS = frozenset({"key", "token_file", "key_file", "secret_file", "client_key"})
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file, the key that names it (`tls.key`, `credentials, table 2: token_file`) and where that stands."""

    key: str
    path: Path
    origin: str
    secret: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """Lines for a person; `problems` keep the server from starting or working."""

    problems: list[str]
    warnings: list[str]


def named_files(loaded: Loaded) -> list[NamedFile]:
    """Every file of the configuration, the folders left out: those are made when they are needed."""
    config, origins = loaded.config, loaded.origins
    found = []
    for name in sorted(PATH_KEYS - _FOLDERS):
        section, _, leaf = name.rpartition(".")
        path = getattr(getattr(config, section), leaf)
        if path is not None:
            found.append(NamedFile(name, path.expanduser(), origins[name], leaf in _SECRETS))
    for name, leaves in TABLE_PATHS.items():
        for number, table in enumerate(getattr(config, name), 1):
            for leaf in leaves:
                path = getattr(table, leaf)
                if path is None:
                    continue
                # A certificate without a key file holds its key.
                holds_key = leaf == "client_cert" and table.client_key is None
                secret = leaf in _SECRETS or holds_key
                key = f"{name}, table {number}: {leaf}"
                found.append(NamedFile(key, path.expanduser(), origins[name], secret))
    return found


def judge(loaded: Loaded, environ: Mapping[str, str], say: Catalogue) -> Verdict:
    """What is wrong with the files, and which variables with secrets are not set here."""
    problems: list[str] = []
    warnings: list[str] = []
    for file in named_files(loaded):
        where = f"{file.origin}: {file.key}"
        try:
            with file.path.open("rb") as opened:
                mode = os.fstat(opened.fileno()).st_mode
                if not stat.S_ISREG(mode):
                    problems.append(f"{where}: {say('config.file.no_file', file=str(file.path))}")
        except IsADirectoryError:
            problems.append(f"{where}: {say('config.file.no_file', file=str(file.path))}")
        except OSError as error:
            reason = error.strerror or str(error)
            problems.append(f"{where}: {say('config.file.unreadable', file=str(file.path), reason=reason)}")
        else:
            if os.name == "posix":
                warnings += [f"{where}: {text}" for text in _permissions(file, mode, say)]
    if not problems:
        problems += _certificate(loaded.config, loaded.origins, say)
    return Verdict(problems, [*warnings, *_variables(loaded, environ, say)])


def _permissions(file: NamedFile, mode: int, say: Catalogue) -> Iterator[str]:
    if file.secret and mode & _OTHERS_READ:
        yield say("config.file.others_read", file=str(file.path))
    elif mode & _OTHERS_WRITE:
        yield say("config.file.others_write", file=str(file.path))


def _certificate(config: Config, origins: Mapping[str, str], say: Catalogue) -> list[str]:
    tls = config.tls
    if tls.cert is None or tls.key is None:
        return []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # The empty passphrase keeps OpenSSL from asking for one on the terminal.
        context.load_cert_chain(tls.cert.expanduser(), tls.key.expanduser(), password="")
        if tls.client_ca is not None:
            context.load_verify_locations(cafile=tls.client_ca.expanduser())
    except (OSError, ssl.SSLError):
        return [f"{origins['tls.cert']}: tls: {say('config.file.no_pair')}"]
    return []


def _variables(loaded: Loaded, environ: Mapping[str, str], say: Catalogue) -> Iterator[str]:
    config, origins = loaded.config, loaded.origins
    named = [("publish.token_env", config.publish.token_env, origins["publish.token_env"])]
    for name, leaf in (("credentials", "token_env"), ("upstreams", "secret_env")):
        for number, table in enumerate(getattr(config, name), 1):
            named.append((f"{name}, table {number}: {leaf}", getattr(table, leaf), origins[name]))
    for key, variable, origin in named:
        if variable and not environ.get(variable):
            yield f"{origin}: {key}: {say('config.file.unset', variable=variable)}"
