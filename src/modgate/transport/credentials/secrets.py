"""Secrets in variables and files: read when they are needed, so that a new one needs no restart.

A secret that cannot be had is an error with the way out, never an empty one: a host that is asked
anonymously answers "not found", and absence would be believed.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.model.credentials import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SecretFile", "SecretSource", "SecretVariable", "too_open"]

_MAX = 64 << 10
_OTHERS = 0o077


class SecretFile:
    """A file with one secret, read again when it changes (also when it is replaced by a rename).

    `named` is where the configuration names it, for texts.
    """

    def __init__(self, path: Path, *, lines: bool = False, named: str = "[[credentials]]") -> None:
        self._path = path
        self._lines = lines
        self._named = named
        self._stamp: tuple[int, int, int, int] | None = None
        self._secret = Secret("")

    @property
    def place(self) -> str:
        """Where it is."""
        return str(self._path)

    def read(self) -> Secret:
        """The secret without the newline at its end. Raises Unavailable with the path."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise self._broken("it is no file")
                stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
                if stamp != self._stamp:
                    self._secret = self._checked(file.read(_MAX + 1))
                    self._stamp = stamp
        except OSError as error:
            raise self._broken(error.strerror or type(error).__name__) from None
        return self._secret

    def _checked(self, data: bytes) -> Secret:
        if len(data) > _MAX:
            raise self._broken(f"it is larger than {_MAX >> 10} KiB")
        try:
            text = data.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise self._broken("it is not UTF-8 text") from None
        if not text.strip():
            raise self._broken("it is empty")
        if not self._lines and not text.isprintable():
            raise self._broken("it holds more than one line, or characters that no token has")
        return Secret(text)

    def _broken(self, why: str) -> Unavailable:
        return Unavailable(
            f"the file with the secret cannot be used: {why}",
            where=self.place,
            next_step="Write the token alone into it, readable for the gate's user, "
            f"or correct {self._named} in the gate's configuration.",
            kind="bad-answer",
        )


class SecretVariable:
    """A variable of the gate's own environment that holds a secret; `file_key` would name a file of it."""

    def __init__(self, name: str, environ: Mapping[str, str], *, file_key: str = "token_file") -> None:
        self._name = name
        self._file_key = file_key
        self._environ = environ

    @property
    def place(self) -> str:
        """The variable."""
        return f"${self._name}"

    def read(self) -> Secret:
        """The secret. Raises Unavailable with the variable's name."""
        text = self._environ.get(self._name, "").strip("\r\n")
        if not text.strip() or not text.isprintable():
            raise Unavailable(
                f"the variable {self._name} is "
                + ("empty or not set" if not text.strip() else "no token: it holds control characters"),
                next_step="Set it in the gate's environment and restart the gate, or name a "
                f"{self._file_key}.",
                kind="bad-answer",
            )
        return Secret(text)


SecretSource = SecretFile | SecretVariable


def too_open(path: Path) -> str:
    """A warning where others than its owner may read a file; empty where all is well or it is not there."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return ""
    if os.name == "nt" or not mode & _OTHERS:
        return ""
    return f"{path} holds a secret and others than its owner may use it (mode {mode:04o}): chmod 600 {path}"
