"""The go-import tag of a page: which repository a vanity path stands for. Source: go help importpath."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

__all__ = ["GoImport", "go_imports"]


class GoImport(NamedTuple):
    """`<meta name="go-import" content="PREFIX VCS REPOSITORY">`."""

    prefix: str
    vcs: str
    repository: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[GoImport] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "meta" and named.get("name") == "go-import":
            fields = (named.get("content") or "").split()
            if len(fields) in {3, 4}:
                self.found.append(GoImport(*fields[:3]))


def go_imports(page: bytes, path: str) -> list[GoImport]:
    """The tags of the page whose prefix is the path or above it."""
    reader = _Reader()
    reader.feed(page.decode("utf-8", "replace"))
    return [item for item in reader.found if path == item.prefix or path.startswith(f"{item.prefix}/")]
