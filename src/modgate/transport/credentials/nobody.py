"""Credentials of nobody: for modules to which the operator's are not confided."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.model.credentials import SshAccess

if TYPE_CHECKING:
    from modgate.model.credentials import Credential

__all__ = ["NoCredentials"]


class NoCredentials:
    """Tells every host nothing (`model.Credentials`)."""

    async def https(self, host: str, port: int, path: str) -> Credential | None:  # noqa: ARG002  the protocol's names
        """None."""
        return None

    def ssh(self, host: str) -> SshAccess:  # noqa: ARG002  the protocol's name
        """A key that is none: without one named, ssh would offer those of the gate's user."""
        return SshAccess(key=Path(os.devnull))

    def describe(self, host: str) -> str:  # noqa: ARG002  the protocol's name
        """Nothing."""
        return ""

    async def close(self) -> None:
        """Nothing is open."""
