"""Writing a file to start from: whole or not at all, for its owner alone, and never with a secret in it."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.config import all_keys, load, redact
from modgate.config.starter import starter
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.messages import Catalogue

__all__ = ["begin"]

_TABLES = frozenset({"routes", "credentials", "upstreams", "vcs.repositories"})


def begin(
    path: Path, values: Mapping[str, str], problems: Sequence[str], say: Catalogue, *, force: bool
) -> bool:
    """Write the file with these values in force; False where one is there and `force` is not given.

    Raises ConfigInvalid (a value is wrong, or holds a secret), Unavailable (it cannot be written).
    """
    found = [*problems, *(f"--set {key}: {say('config.init.secret')}" for key in _secrets(values))]
    given = {key: (value, "--set") for key, value in values.items()}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MODGATE_")}
    with tempfile.NamedTemporaryFile(suffix=".toml") as nothing:
        load(
            given,
            config_file=Path(nothing.name),
            environ=environ,
            ask_go=lambda environ: {},  # noqa: ARG005  as it is called
            problems=found,
        )
    whole = Path(os.path.realpath(path))
    written = {key: _toml(key, value) for key, value in values.items() if key in all_keys()}
    try:
        return _write(whole, starter(written, file=str(path)).encode(), force=force)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unavailable(f"cannot be written: {reason}", where=str(path)) from error


def _secrets(values: Mapping[str, str]) -> list[str]:
    return [key for key, value in values.items() if redact(value) != value]


def _toml(key: str, value: str) -> str:
    """A text as the loader takes it for every key; tables are JSON, which only the starter turns round."""
    if key in _TABLES and key != "vcs.repositories":
        return value
    return json.dumps(value, ensure_ascii=False)


def _write(path: Path, data: bytes, *, force: bool) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and not force:
        return False
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if force:
            fresh.replace(path)
        else:
            _name_once(fresh, path)
    except FileExistsError:
        return False
    finally:
        fresh.unlink(missing_ok=True)
    return True


def _name_once(fresh: Path, path: Path) -> None:
    """A link fails where a name exists: a file that came meanwhile stays. Some file systems have no links."""
    try:
        os.link(fresh, path)
    except FileExistsError:
        raise
    except OSError:
        fresh.replace(path)
