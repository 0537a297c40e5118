"""Whose a module is: by a list of module patterns, else by the CODEOWNERS of the folder.

Modules have no path in a repository, so CODEOWNERS cannot name them; what it can say is who owns the go.mod
and go.sum that bring them in. A list of its own says more: lines `pattern owner…`, the patterns those of
GOPRIVATE. In both, the last fitting line wins and `#` begins a comment; a line without an owner means nobody.
Sources: GitHub, "About code owners"; GitLab, "Code Owners syntax" (sections with default owners).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from modgate.errors import Invalid
from modgate.gomod.patterns import malformed_patterns, match_prefix_patterns

__all__ = ["PLACES", "CodeOwners", "ModuleOwners", "code_owners", "module_owners"]

PLACES = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where the file may stand in a repository, the first one counts."""

_SECTION = re.compile(r"\^?\[[^\]]+\](?:\[\d+\])?\s*(?P<owners>.*)")


@dataclass(frozen=True, slots=True)
class ModuleOwners:
    """A list of module patterns."""

    rules: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def of(self, path: str) -> tuple[str, ...] | None:
        """The owners of a module; None where no line fits."""
        return next(
            (owners for glob, owners in reversed(self.rules) if match_prefix_patterns(glob, path)), None
        )


def module_owners(data: bytes, name: str) -> ModuleOwners:
    """Read a list. Raises Invalid for a pattern that can never match, which says `name:line`."""
    rules = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        words = _words(line)
        if not words:
            continue
        if malformed_patterns(words[0]) or "," in words[0]:
            raise Invalid(
                f"{words[0][:100]} is no module pattern",
                where=f"{name}:{number}",
                next_step="Write one pattern a line, as in GOPRIVATE: corp.example/*, github.com/corp.",
            )
        rules.append((words[0], tuple(words[1:])))
    return ModuleOwners(tuple(rules))


@dataclass(frozen=True, slots=True)
class CodeOwners:
    """A CODEOWNERS file: for each section, patterns over paths of the repository."""

    sections: tuple[tuple[tuple[re.Pattern[str], tuple[str, ...]], ...], ...] = ()

    def of(self, path: str) -> tuple[str, ...]:
        """The owners of a path, relative to the root with `/` between: of every section the last fit."""
        found: dict[str, None] = {}
        for rules in self.sections:
            for pattern, owners in reversed(rules):
                if pattern.fullmatch(path):
                    found.update(dict.fromkeys(owners))
                    break
        return tuple(found)


def code_owners(data: bytes) -> CodeOwners:
    """Read a CODEOWNERS file; a line that is none is skipped, as the forges do."""
    sections: list[list[tuple[re.Pattern[str], tuple[str, ...]]]] = [[]]
    default: tuple[str, ...] = ()
    for line in data.decode("utf-8", "replace").splitlines():
        section = _SECTION.fullmatch(line.strip())
        if section is not None:
            sections.append([])
            default = tuple(_words(section["owners"]))
            continue
        words = _words(line)
        if words and not words[0].startswith("!"):
            sections[-1].append((_path_pattern(words[0]), tuple(words[1:]) or default))
    return CodeOwners(tuple(tuple(rules) for rules in sections))


def _words(line: str) -> list[str]:
    """The words before a comment; a backslash makes a space part of one."""
    words = re.findall(r"(?:\\.|\S)+", line)
    kept: list[str] = []
    for word in words:
        if word.startswith("#"):
            break
        kept.append(re.sub(r"\\(.)", r"\1", word))
    return kept


def _path_pattern(text: str) -> re.Pattern[str]:
    """A pattern as gitignore has them: anchored by a slash inside, a folder means what is below it."""
    anchored = "/" in text.rstrip("/")
    body = text.strip("/")
    pieces = [_GLOBS.get(piece, re.escape(piece)) for piece in _PIECE.findall(body)]
    before = "" if anchored else "(?:.*/)?"
    # `docs/*` means the files of a folder, not what is deeper.
    below = "" if text.endswith("/*") else "(?:/.*)?"
    if text.endswith("/"):
        below = "/.*"
    return re.compile(before + "".join(pieces) + below)


_PIECE = re.compile(r"\*\*/|/\*\*\Z|\*\*|\*|\?|[^*?]+?(?=\*|\?|/\*\*\Z|\Z)")
_GLOBS = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
