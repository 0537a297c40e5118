"""What the verifying client needs of the outside, and what the outside promises it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from modgate.errors import ModgateError

__all__ = ["Ops"]


class Ops(Protocol):
    """The external operations of one client, after ClientOps of x/mod/sumdb.

    Remote paths are relative to the database (`lookup/…`, `tile/…`), files begin with its name.
    What comes from the remote is suspect until the client hands it to `write_cache`.
    """

    async def read_remote(self, path: str) -> bytes:
        """What the database answers. Raises Absent (404, 410), Unavailable, Denied."""

    async def read_remote_many(self, paths: Sequence[str]) -> list[bytes | ModgateError]:
        """Likewise for many, best at once; an item that fails is the error. May share answers between
        callers until they are kept or distrusted.
        """

    def expect(self, paths: Sequence[str]) -> None:
        """These will be read soon: a driver may begin. Never raises."""

    def distrust(self, paths: Sequence[str]) -> None:
        """Forget shared remote answers: they were proved wrong. Never raises."""

    async def read_config(self, file: str) -> bytes:
        """`<name>/latest`: the signed head kept last, empty if none. Raises Unavailable."""

    async def write_config(
        self, file: str, old: bytes, new: bytes, *, after: Sequence[tuple[str, bytes]]
    ) -> bool:
        """Keep the files `after` durably, then swap old for new; False where the content is not `old`.
        Raises Unavailable, after which the content is as before.
        """

    async def read_cache(self, file: str) -> bytes | None:
        """A kept file, or None. Raises Unavailable."""

    async def write_cache(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Keep proved files, in this order and none after one that fails: each leans on those before.
        May return before it is done.
        """

    async def drop_cache(self, file: str, reason: str) -> None:
        """Set a kept file aside: it is not what it should be."""

    async def security_error(self, text: str) -> None:
        """The database misbehaved; the text is the proof, for people. Must not raise."""

    def moving(self) -> AbstractAsyncContextManager[None]:
        """Held by one task at a time, while it moves the view."""
