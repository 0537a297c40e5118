"""What git says when it fails, and what that means. git is asked in English (LC_ALL=C), so words can be read.

Sources: remote-curl.c, credential.c, connect.c of git 2.39; OpenSSH's own words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.causes import vcs
from modgate.gomod.proxylist import redacted

if TYPE_CHECKING:
    from modgate.client.findings import Cause

__all__ = ["meaning_of", "telling_line"]

_LONGEST = 200
_TABLE: tuple[tuple[re.Pattern[str], Cause], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), cause)
    for pattern, cause in (
        (r"permission denied \(|host key verification failed|no matching host key", vcs.SSH_DENIED),
        (r"could not read (user|pass)|terminal prompts disabled|authentication failed", vcs.NO_CREDENTIALS),
        (r"access denied|returned error: 40[13]|invalid (username|credentials)", vcs.NO_CREDENTIALS),
        (r"could not resolve host|name or service not known|temporary failure in name", vcs.HOST_UNRESOLVED),
        (r"repository .*not found|returned error: 404|not appear to be a git", vcs.REPOSITORY_MISSING),
        (r"project .*(could not be|was not) found|does not exist", vcs.REPOSITORY_MISSING),
    )
)
_NOISE = re.compile(
    r"^(please make sure|and the repository exists|hint:|warning:|remote:\s*$|\s*$)", re.IGNORECASE
)


def meaning_of(stderr: str) -> Cause:
    """The cause behind git's words; FETCH_FAILED where they say nothing more."""
    return next((cause for pattern, cause in _TABLE if pattern.search(stderr)), vcs.FETCH_FAILED)


def telling_line(stderr: str) -> str:
    """The line that says most: the `fatal:` one, else the last that is no advice."""
    lines = [
        " ".join("".join(char if char.isprintable() else " " for char in line).split())
        for line in stderr.splitlines()
    ]
    telling = [line for line in lines if not _NOISE.match(line)]
    chosen = next((line for line in telling if line.startswith("fatal:")), telling[-1] if telling else "")
    known = next((line for line in telling if any(p.search(line) for p, _ in _TABLE)), chosen)
    return redacted(known[:_LONGEST])
