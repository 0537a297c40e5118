"""Commands of a repair as they work here: `go env -w` is of no use for a variable that the system sets.

An OS variable wins over the GOENV file, so a text that says `go env -w GOPROXY=…` would send a person the
wrong way where GOPROXY is exported. The command for the shell stands there instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.machine.host import System
from modgate.client.machine.settings import Layer

if TYPE_CHECKING:
    from modgate.client.findings import Say
    from modgate.client.machine.settings import GoSettings
    from modgate.messages import Message

__all__ = ["fitting"]

_WRITES = re.compile(
    r"""go env -w (?P<mark>["']?)(?P<name>GO[A-Z0-9]+)=(?P<value>[^\s"'；。，）]*)(?P=mark)"""
)


def fitting(say: Say, go: GoSettings, system: System) -> Say:
    """`say` with such commands for the shell where an OS variable hides the file."""
    hidden = {name for name, setting in go.settings.items() if setting.value.layer is Layer.OS}
    if not hidden:
        return say
    form = "$env:{}='{}'" if system is System.WINDOWS else "export {}='{}'"

    def replaced(match: re.Match[str]) -> str:
        name, value = match["name"], match["value"]
        return form.format(name, value) if name in hidden else match[0]

    def spoken(message: Message) -> str:
        return _WRITES.sub(replaced, say(message))

    return spoken
