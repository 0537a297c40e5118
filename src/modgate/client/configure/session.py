"""Lines for the shell that called: `eval "$(modgate use … --scope session)"`.

Sources: export and unset of POSIX, set of fish, the Env: drive of PowerShell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.machine.shell_files import Shell, assignment_line

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["how_to_eval", "lines_for"]


def lines_for(shell: Shell, values: Mapping[str, str | None]) -> tuple[str, ...]:
    """One line a variable, in the shell's language; None takes one away."""
    return tuple(
        assignment_line(shell, name, text) if text is not None else _unset(shell, name)
        for name, text in values.items()
    )


def how_to_eval(shell: Shell, command: str) -> str:
    """How the person's shell runs what a command prints."""
    if shell is Shell.FISH:
        return f"{command} | source"
    if shell is Shell.POWERSHELL:
        return f"{command} | Out-String | Invoke-Expression"
    return f'eval "$({command})"'


def _unset(shell: Shell, name: str) -> str:
    if shell is Shell.FISH:
        return f"set -e {name}"
    if shell is Shell.POWERSHELL:
        return f"Remove-Item Env:{name} -ErrorAction SilentlyContinue"
    return f"unset {name}"
