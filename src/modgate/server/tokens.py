"""Who may publish or operate: tokens from a file or a variable, compared so that time tells nothing.

A file has one token a line, `token` or `name token`; a word that begins with `#` begins a comment. It is
read again when it changes, so a token is withdrawn by deleting its line; a file that cannot be read, or has a
line that is neither, admits nobody. A token comes as `Authorization: Bearer TOKEN`, or as the password of
Basic, which is what curl and netrc send. Tokens are kept as their SHA-256, and never appear in an error, a
log or a `repr`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING

from modgate.errors import Unauthenticated, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Tokens"]

_MAX_FILE = 1 << 20
_LEAST = 16


class Tokens:
    """Tells whose token it is.

    Args:
        file: The file of tokens, or None.
        variable: The name and value of the variable that holds one token; the value may be empty.
        who: Whose tokens these are, for the texts of errors.
    """

    def __init__(
        self, file: Path | None = None, variable: tuple[str, str] = ("", ""), *, who: str = "publishers"
    ) -> None:
        self._file = file
        self._who = who
        name, value = variable
        self._variable = [(name, _digest(value))] if len(value.strip()) >= _LEAST else []
        self._stamp: tuple[int, ...] | None = None
        self._read: list[tuple[str, bytes]] = []

    def check(self) -> None:
        """Raise Unavailable where there is no token, or none can be read."""
        if not self._known():
            raise _unusable(
                f"there is no token of at least {_LEAST} characters for {self._who}",
                str(self._file) if self._file is not None else "publish.token_env",
            )

    def principal(self, authorization: bytes | None) -> str:
        """The name of the token in an Authorization header.

        Raises Unauthenticated where it is missing or none of ours; Unavailable where the file cannot be read.
        """
        if not authorization:
            raise Unauthenticated(
                f"only {self._who} with a token may do this",
                next_step="Send Authorization: Bearer TOKEN, or the token as the password of Basic.",
            )
        presented = _digest(_token_in(authorization))
        found = ""
        for name, digest in self._known():
            if hmac.compare_digest(digest, presented):
                found = name
        if not found:
            raise Unauthenticated(
                "this token is not known here", next_step="Ask the gate's operator for one."
            )
        return found

    def _known(self) -> list[tuple[str, bytes]]:
        return [*self._variable, *self._from_file()]

    def _from_file(self) -> list[tuple[str, bytes]]:
        if self._file is None:
            return []
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                with self._file.open("rb") as file:
                    text = file.read(_MAX_FILE).decode("utf-8", "replace")
                self._read = _parsed(text, str(self._file))
                self._stamp = stamp
        except OSError as error:
            reason = f"the file of {self._who}' tokens cannot be read: {error.strerror}"
            raise _unusable(reason, str(self._file)) from error
        return self._read


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()


def _parsed(text: str, where: str) -> list[tuple[str, bytes]]:
    """(name, SHA-256) of each token; a line without a name is called by its number."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        # Within a word it is part of the token: a token cut short would be easier to guess than it looks.
        words = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split()
        if not words:
            continue
        if len(words) > 2:
            raise _unusable(f"line {number} is neither `token` nor `name token`", where)
        name = words[0] if len(words) == 2 else f"line-{number}"
        if len(words[-1]) < _LEAST:
            raise _unusable(f"the token in line {number} is shorter than {_LEAST} characters", where)
        if not name.isprintable():
            raise _unusable(f"the name in line {number} holds control characters", where)
        found.append((name, _digest(words[-1])))
    return found


def _unusable(what: str, where: str) -> Unavailable:
    return Unavailable(
        what, where=where, next_step="Make a token with: openssl rand -hex 24", kind="overloaded"
    )


def _token_in(authorization: bytes) -> str:
    scheme, _, value = authorization.decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(value.strip(), validate=True).decode("utf-8", "surrogateescape")
        except (binascii.Error, ValueError):
            return ""
        return pair.partition(":")[2]
    return ""
