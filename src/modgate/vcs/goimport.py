"""go-import tags: what a page says, which of it is for a module path, and whether that may be believed.

A page speaks for itself only: where its tag's prefix is shorter than the path, the prefix's own page
must say the same, or one author of a shared host could name another's repository.
Sources: cmd/go/internal/vcs/discovery.go (parseMetaGoImports), vcs.go (matchGoImport); go help importpath.
"""

from __future__ import annotations

from dataclasses import dataclass

from modgate.vcs.goimport_xml import PageError, elements

__all__ = ["GoImport", "PageImports", "has_path_prefix", "match_go_import", "parse_go_imports"]


@dataclass(frozen=True, slots=True)
class GoImport:
    """The fields of one tag as they stand there; nothing of it is checked yet."""

    prefix: str
    vcs: str
    repo: str
    subdir: str = ""


@dataclass(frozen=True, slots=True)
class PageImports:
    """The tags of a page, those of a module proxy (`mod`) first and before others of their prefix.

    Attributes:
        tags: The tags.
        broken: Why the page could not be read to the end of its head; empty where it could.
        ended: Whether more of the page could change nothing.
    """

    tags: tuple[GoImport, ...]
    broken: str = ""
    ended: bool = False


def parse_go_imports(data: bytes) -> PageImports:
    """The go-import tags of a page, up to the end of its head or the beginning of its body.

    What stands before a fault in the page counts, as it does for the go command.
    """
    found: list[GoImport] = []
    broken = ""
    ended = False
    try:
        for element in elements(data):
            name = element.name.lower()
            if name == ("head" if element.end else "body"):
                ended = True
                break
            if name == "meta" and not element.end:
                tag = _tag(element.attributes)
                if tag is not None:
                    found.append(tag)
    except PageError as error:
        broken = str(error)
        ended = not error.at_end
    proxies = [tag for tag in found if tag.vcs == "mod"]
    replaced = {tag.prefix for tag in proxies}
    others = [tag for tag in found if tag.vcs != "mod" and tag.prefix not in replaced]
    return PageImports((*proxies, *others), broken, ended)


def match_go_import(tags: tuple[GoImport, ...], path: str) -> list[GoImport]:
    """The tags for a path: none, one, or several that contradict each other. `mod` outdoes the rest."""
    matching = [tag for tag in tags if has_path_prefix(path, tag.prefix)]
    if matching and matching[0].vcs == "mod":
        matching = [tag for tag in matching if tag.vcs == "mod"]
    return matching


def has_path_prefix(path: str, prefix: str) -> bool:
    """Whether the elements of the path begin with those of the prefix."""
    return path == prefix or path.startswith(f"{prefix.removesuffix('/')}/")


def _tag(attributes: tuple[tuple[str, str], ...]) -> GoImport | None:
    values: dict[str, str] = {}
    for name, value in attributes:
        values.setdefault(name.lower(), value)
    fields = values.get("content", "").split()
    if values.get("name") != "go-import" or len(fields) not in {3, 4}:
        return None
    return GoImport(*fields)
