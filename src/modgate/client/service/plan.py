"""What a service of the gate is to be, whichever manager runs it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LABEL", "UNIT", "Plan"]

UNIT = "modgate.service"
LABEL = "dev.modgate.serve"
"""The agent's name on macOS, and that of its file."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The service. Paths are absolute.

    Attributes:
        command: The program and its arguments.
        system: A service of the machine, in place of one of the user.
        store: The folder that it writes; None where the manager gives it one.
        reads: Files and folders in homes that it must see: the program, the configuration, what that names.
        writes: Other folders that it writes.
        credentials: Files that only root may read, by the key that names each: handed over at the start.
        environment: Variables; none of them holds a secret.
        environment_file: Where variables with secrets are looked for; it need not exist.
        home: The user's own folder.
        stop_seconds: How long it may take to stop.
        namespaces: Whether a service of this user may have a view of the files of its own.
        low_port: Whether it listens below 1024.
    """

    command: tuple[str, ...]
    system: bool
    store: str | None
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    credentials: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...]
    environment_file: str
    home: str
    stop_seconds: int
    namespaces: bool = True
    low_port: bool = False
