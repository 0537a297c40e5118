"""The programs that the go command needs, and what to say where one of them is missing.

A missing program is a gate that is not set up, never an absent module. A folder of PATH that is not
absolute is left out: what lies in the working folder must not become a program.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SYSTEMS", "Programs"]

SYSTEMS = {
    "hg": ("hg", "Mercurial", "apt install mercurial, brew install mercurial, https://www.mercurial-scm.org"),
    "svn": ("svn", "Subversion", "apt install subversion, brew install subversion"),
    "fossil": ("fossil", "Fossil", "apt install fossil, brew install fossil, https://fossil-scm.org"),
    "bzr": ("bzr", "Bazaar", "apt install brz (Breezy brings bzr), brew install breezy"),
}
"""By Go's name of the system: its program, its name for people, and where it comes from."""

# Where certificates are, which programs beside Python must know as well, and what Windows cannot do without.
_KEPT = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SYSTEMROOT", "COMSPEC", "PATHEXT")


class Programs:
    """Finds programs in the PATH of an environment, of which nothing else but certificates is passed on.

    `go` is the name or the path of the go command.
    """

    def __init__(self, environ: Mapping[str, str], *, go: str = "go") -> None:
        self._go = go
        self._environ = environ

    @property
    def path(self) -> str:
        """PATH without what is not absolute."""
        folders = self._environ.get("PATH", "").split(os.pathsep)
        return os.pathsep.join(folder for folder in folders if os.path.isabs(folder))  # noqa: PTH117

    @property
    def _shown_path(self) -> str:
        return self.path or "an empty PATH"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that every program is given."""
        kept = {name: self._environ[name] for name in _KEPT if self._environ.get(name)}
        return kept | {"PATH": self.path}

    def go(self) -> str:
        """The go command's file. Raises Unavailable."""
        found = shutil.which(self._go, path=self.path)
        if found is None:
            raise Unavailable(
                f"the go command is not installed here (looked for {self._go} in {self._shown_path}); "
                "repositories that are not git are fetched with it",
                next_step="Install Go on the gate's machine, or name the program: vcs.go.",
            )
        return found

    def tool(self, vcs: str) -> str:
        """The program of a version control system. Raises Unavailable."""
        name, title, source = SYSTEMS[vcs]
        found = shutil.which(name, path=self.path)
        if found is None:
            raise Unavailable(
                f"the repository is in {title} and {name} is not installed here "
                f"(looked in {self._shown_path})",
                next_step=f"On the gate's machine: {source}.",
            )
        return found
