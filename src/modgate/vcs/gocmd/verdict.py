"""What the go command says about a module, judged: absent, or broken?

The go command has one kind of failure and a text. Only these texts prove absence: the repository was
reached and has no such revision, no version answers the query, what is there cannot be that version of
the module, or the host says that there is no repository (404, 410). Everything else is broken.

Two of its texts prove nothing by themselves, since it drops what the programs said: `unknown revision`
may be a clone that could not be read, or in Subversion a server that could not be reached; an empty
list may be one whose tags could not be fetched. `asking` asks again before it believes them.
Sources: codehost/vcs.go, statLocal and loadTags; modfetch/coderepo.go; modload/query.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError, Unavailable
from modgate.gomod.harmless import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["fetch_failed", "judge", "network_failed", "spoken", "unknown_revision"]

_LINES = 4
_WIDTH = 200

_UNKNOWN = re.compile(r"\bunknown revision ([\w.~+-]+)")
# The commands that reach out, as they stand in go's text when they fail.
_FETCH = re.compile(
    r"\b(?:hg (?:pull|init)|fossil (?:pull|clone)|bzr (?:branch|pull)|svn \w+) .*in \S+: "
    r"(?:exit status|signal: )"
)
# Why a fetch fails through no fault of the clone.
_NETWORK = re.compile(
    r"HTTP Error|abort: error:|\burlopen\b|authorization|timed out|[Cc]onnection|[Cc]ertificate|SSL|proxy"
)
# Any program's failure: what follows are its words, or a server's, and no finding of go's.
_PROGRAM = re.compile(r"\bin \S+: (?:exit status|signal: )|\bexec: ")
_NO_REPOSITORY = re.compile(
    r"HTTP Error (?:404|410)\b|server says: (?:404|410)\b|\bE160013\b|404 Not Found|410 Gone"
)
_PROOFS = re.compile(
    r"""(?x)
    \b(?: unknown[ ]revision | no[ ]matching[ ]versions[ ]for[ ]query | no[ ]commits
        | invalid[ ]pseudo-version | go\.mod[ ](?:has[ ](?:post-v\d|non-)|is[ ]missing[ ]module[ ]path)
        | missing[ ].*go\.mod\b.*\bat[ ]revision )\b
    | \binvalid[ ]version:[ ].*(?: \+incompatible | \b(?: does[ ]not[ ]match | must[ ]match[ ]major[ ]version
        | go\.mod[ ]has | missing\b.*\bgo\.mod | not[ ]canonical | disallowed )\b )
    """
)
_TOO_NEW = re.compile(r"\brequires go >= \S+ \(running go")
_REFUSED = re.compile(
    r"\bHTTP Error (?:401|403)\b|authorization (?:failed|required)|server says: (?:401|403)"
)
_TEMPORARY = re.compile(r"(?:in )?/\S*/(?:mod|vcs|work|home|tmp)/\S*")


def unknown_revision(text: str) -> str:
    """The revision that go does not know; empty where the text is about something else."""
    match = _UNKNOWN.search(text)
    return match[1] if match is not None and not fetch_failed(text) else ""


def fetch_failed(text: str) -> bool:
    """Whether it is a fetch that failed, so that what go knows is what it knew before."""
    return _FETCH.search(text.replace("\n", " ")) is not None


def network_failed(text: str) -> bool:
    """Whether a fetch failed by the way or the host, and not by the clone that it goes into."""
    return _NETWORK.search(text) is not None


def judge(text: str, *, where: str, refusals: Sequence[str] = ()) -> ModgateError:
    """The error for what the go command said; `refusals` are the passage's, which always mean broken."""
    lines = spoken(text)
    said = "; ".join(lines) or "it said nothing"
    flat = text.replace("\n", " ")
    if refusals:
        return Unavailable(
            f"the way to its repository is closed: {'; '.join(spoken(refusals[0]))}",
            where=where,
            next_step=f"The go command says: {said}",
        )
    if fetch_failed(text):
        if _NO_REPOSITORY.search(flat):
            return Absent(f"the host says that there is no such repository: {said}", where=where)
        return Unavailable(f"its repository could not be fetched: {said}", where=where, next_step=_step(flat))
    if _PROOFS.search(flat) and not _PROGRAM.search(flat):
        return Absent(said, where=where)
    return Unavailable(
        f"the go command failed: {said}", where=where, next_step=_step(flat), kind="bad-answer"
    )


def spoken(text: str) -> list[str]:
    """The first and last two lines of a program's words, without control characters, secrets and our
    folders.
    """
    lines = []
    for line in text.splitlines():
        clean = "".join(char if char.isprintable() else "?" for char in line.replace("\t", " ")).strip()
        clean = harmless(_TEMPORARY.sub("", clean))
        if clean:
            lines.append(clean if len(clean) <= _WIDTH else clean[: _WIDTH - 1] + "…")
    half = _LINES // 2
    return lines if len(lines) <= _LINES else [*lines[:half], *lines[-half:]]


def _step(text: str) -> str:
    if _REFUSED.search(text):
        return "The host wants other credentials: see [[credentials]] (Mercurial over https only)."
    if _TOO_NEW.search(text):
        return "Install a newer Go on the gate's machine; vcs.go names the program."
    return ""
