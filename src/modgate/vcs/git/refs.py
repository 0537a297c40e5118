"""What a git repository lists: heads and tags with the commits they lead to, and the sums of Origin.

Source of the rules: codehost/git.go, loadRefs, Tags, repoSum and stat; isOriginTag in codehost.go. Only HEAD,
refs/heads and refs/tags count: hosts list every proposed change as a ref as well, and those must not pass
for commits of the repository. A name that git itself would not accept is left out, because names come
from the server and end up in refspecs, where `:`, `*` and `+` have a meaning.
"""

from __future__ import annotations

import base64
import hashlib
import re
from bisect import bisect_left
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from modgate.errors import Invalid
from modgate.gomod import semver
from modgate.gomod.pseudo import is_pseudo_version
from modgate.gomod.texts import shown
from modgate.vcs.repository import Tag

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MIN_HASH_DIGITS", "Found", "Refs", "is_hash_prefix"]

MIN_HASH_DIGITS = 7
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PREFIX = re.compile(rf"[0-9a-f]{{{MIN_HASH_DIGITS},64}}")
_LINE = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64})[ \t]+(HEAD|refs/(?:heads|tags)/[^\r\n]+)\r?")
# git check-ref-format(1), rules 1 to 9.
_BAD_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|/\Z|\.\Z|\.lock(?:/|\Z)")
_PLAIN = re.compile(r"[ !#-\[\]-~]*")


class Found(NamedTuple):
    """The ref that a revision named (empty where it named a hash), and the commit."""

    ref: str
    hash: str


def is_hash_prefix(revision: str) -> bool:
    """Whether a revision can be a commit's hash, or the beginning of one."""
    return _PREFIX.fullmatch(revision) is not None


class Refs:
    """One list of refs, as `ls-remote` gave it; tags lead to what they point at."""

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self.hashes = hashes
        self._tag_sums: dict[str, str] = {}

    @classmethod
    def parse(cls, listing: bytes) -> Refs:
        """From the lines of `git ls-remote`; lines of other refs are passed over."""
        hashes: dict[str, str] = {}
        peeled: dict[str, str] = {}
        for line in listing.split(b"\n"):
            found = _LINE.fullmatch(line)
            if found is None:
                continue
            name = found[2].decode("utf-8", "surrogateescape")
            value = found[1].decode("ascii")
            if name.endswith("^{}"):
                peeled[name[:-3]] = value
            elif _BAD_NAME.search(name) is None:
                hashes[name] = value
        hashes.update((name, value) for name, value in peeled.items() if name in hashes)
        return cls(hashes)

    def listing(self) -> bytes:
        """The lines that `parse` makes the same refs of."""
        lines = (f"{value}\t{name}\n" for name, value in sorted(self.hashes.items()))
        return "".join(lines).encode("utf-8", "surrogateescape")

    @property
    def head(self) -> str:
        """The commit of HEAD; empty where there is none."""
        return self.hashes.get("HEAD", "")

    @property
    def sha256(self) -> bool:
        """Whether hashes are SHA-256. Any ref tells, a repository does not mix them."""
        return any(len(value) == 64 for value in self.hashes.values())

    @cached_property
    def sum(self) -> str:
        """RepoSum: a checksum of the whole state."""
        digest = hashlib.sha256()
        for name in sorted(self.hashes):
            digest.update(_go_line(name, self.hashes[name]))
        return "r1:" + base64.b64encode(digest.digest()).decode()

    @cached_property
    def _tags(self) -> list[Tag]:
        start = len("refs/tags/")
        tags = [
            Tag(name[start:], value) for name, value in self.hashes.items() if name.startswith("refs/tags/")
        ]
        return sorted(tags, key=_tag_name)

    @cached_property
    def _tags_of(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for tag in self._tags:
            found.setdefault(tag.hash, []).append(tag.name)
        return found

    def tags(self, prefix: str) -> tuple[Tag, ...]:
        """The tags with a prefix, in the order of their names."""
        first = bisect_left(self._tags, prefix, key=_tag_name)
        last = first
        while last < len(self._tags) and self._tags[last].name.startswith(prefix):
            last += 1
        return tuple(self._tags[first:last])

    def tags_at(self, commit: str) -> tuple[str, ...]:
        """The names of the tags that point at a commit, sorted."""
        return tuple(self._tags_of.get(commit, ()))

    def tag_sum(self, prefix: str) -> str:
        """TagSum: a checksum of the tags with the prefix that can matter to versions."""
        if prefix not in self._tag_sums:
            folder = prefix[: prefix.rfind("/") + 1]
            digest = hashlib.sha256()
            for tag in self.tags(prefix):
                if _is_origin_tag(tag.name.removeprefix(folder)):
                    digest.update(_go_line(tag.name, tag.hash))
            self._tag_sums[prefix] = "t1:" + base64.b64encode(digest.digest()).decode()
        return self._tag_sums[prefix]

    def resolve(self, revision: str) -> Found | None:
        """What a revision names here: a tag, else a branch, else HEAD, else the commit of a ref by its hash.

        A whole hash is always the hash, whatever a branch or tag calls itself. Raises Invalid for the
        beginning of more than one hash.
        """
        whole = _HASH.fullmatch(revision) is not None
        if not whole:
            for name in (f"refs/tags/{revision}", f"refs/heads/{revision}"):
                if name in self.hashes:
                    return Found(name, self.hashes[name])
            if revision == "HEAD" and self.head:
                return Found("HEAD", self.head)
        if not is_hash_prefix(revision):
            return None
        matches = sorted((name, value) for name, value in self.hashes.items() if value.startswith(revision))
        if len({value for _, value in matches}) > 1:
            raise Invalid(f"{shown(revision)} is the beginning of several commits' hashes")
        return Found(*matches[0]) if matches else None


def _tag_name(tag: Tag) -> str:
    return tag.name


def _is_origin_tag(tag: str) -> bool:
    canonical = semver.canonical(tag)
    return canonical != "" and tag.startswith(canonical) and not is_pseudo_version(tag)


def _go_line(name: str, value: str) -> bytes:
    # fmt.Fprintf(h, "%q %s\n", name, value)
    return f"{_go_quote(name)} {value}\n".encode()


def _go_quote(text: str) -> str:
    # strconv.Quote, for what a ref's name can hold: no control character and no backslash is among it.
    if _PLAIN.fullmatch(text):
        return f'"{text}"'
    parts = []
    for char in text:
        code = ord(char)
        if char == '"':
            parts.append('\\"')
        elif 0xDC80 <= code <= 0xDCFF:
            parts.append(f"\\x{code - 0xDC00:02x}")
        elif char.isprintable():
            parts.append(char)
        else:
            parts.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return '"' + "".join(parts) + '"'
