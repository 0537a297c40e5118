"""A policy's file, read whole and bounded: the one way for a gate, a judge of lock files and the command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.errors import Invalid, Unavailable
from modgate.policy.document import parse_policy
from modgate.policy.lines import MAX_SIZE

if TYPE_CHECKING:
    from modgate.policy.lines import Form
    from modgate.policy.rules import Policy

__all__ = ["form_of", "read_policy_file", "read_text"]

_MAX_BYTES = 4 * MAX_SIZE


def form_of(name: str | Path) -> Form:
    """YAML by the file's extension, else TOML."""
    return "yaml" if str(name).lower().endswith((".yaml", ".yml")) else "toml"


def read_text(name: str | Path) -> str:
    """The text of a file; the name `-` is standard input. Raises Unavailable for what cannot be read, Invalid
    for what is too large or no UTF-8.
    """
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with Path(name).expanduser().open("rb") as opened:
                data = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise Unavailable(f"it cannot be read: {error.strerror}", where=str(name)) from error
    if len(data) > _MAX_BYTES:
        raise Invalid(f"it is larger than {_MAX_BYTES >> 20} MiB", where=str(name))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("it is not UTF-8", where=str(name)) from error


def read_policy_file(name: str | Path) -> Policy:
    """The policy of a file. Raises PolicyInvalid, and as `read_text`."""
    return parse_policy(read_text(name), form=form_of(name), name=str(name))
