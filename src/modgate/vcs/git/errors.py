"""What a failure of git means: is it absent, or broken, and whose turn is it now?

Git has one exit status for everything, so its words are read (in English, LC_ALL=C). Only words that come
from git, curl or ssh themselves count: lines that the server sends are marked `remote:` and could say
anything; over ssh the server's words are all there is. What is not recognised is broken, never absent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from modgate.errors import Absent, ModgateError, Unavailable
from modgate.gomod.harmless import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.vcs.git.addresses import GitAddress

__all__ = ["Damaged", "Failure", "Meaning", "clean_lines", "meaning"]

Meaning = Literal[
    "absent",
    "refused",
    "host-key",
    "tls",
    "unreachable",
    "timeout",
    "overloaded",
    "full",
    "moved",
    "no-ref",
    "damaged",
    "server",
    "cut",
    "other",
]

UnavailableKind = Literal[
    "bad-answer", "timeout", "overloaded", "unreachable", "storage-full", "stopping", "loop"
]
_KINDS: dict[str, UnavailableKind] = {
    "timeout": "timeout",
    "unreachable": "unreachable",
    "overloaded": "overloaded",
    "cut": "unreachable",
}
_LINES = 4
_WIDTH = 200


class Damaged(Exception):
    """The mirror on disk cannot be read; it is made anew by whoever catches this."""


class _Words(NamedTuple):
    meaning: Meaning
    pattern: re.Pattern[str]


def _words(meaning: Meaning, pattern: str) -> _Words:
    return _Words(meaning, re.compile(pattern, re.IGNORECASE))


# In this order: what the machine lacks is said after what failed because of it.
_TABLE = (
    _words("full", r"no space left on device|disk quota exceeded|file too large"),
    _words("host-key", r"host key verification failed|host identification has changed"),
    _words(
        "refused",
        r"returned error: 40[13]\b|authentication failed|could not read (?:username|password)"
        r"|permission denied \(|invalid username or|http basic: access denied"
        r"|too many authentication failures|repository access denied",
    ),
    _words("overloaded", r"returned error: (?:429|503)\b"),
    _words(
        "tls",
        r"certificate (?:problem|verification failed|verify failed)|ssl(?:_connect| connect| certificate)"
        r"|gnutls_handshake|tls connect error",
    ),
    _words("timeout", r"timed out|operation too slow|low speed"),
    _words(
        "unreachable",
        r"could(?:n't| not) resolve|failed to connect|couldn't connect|connection (?:refused|reset|closed)"
        r"|(?-i:SOCKS)|network is unreachable|no route to host|kex_exchange_identification|banner exchange"
        r"|could not connect to server",
    ),
    _words(
        "absent",
        r"repository '[^']*' not found|returned error: 410\b|does not appear to be a git repository",
    ),
    _words("moved", r"couldn't find remote ref|no such remote ref"),
    _words("no-ref", r"not our ref|unadvertised object|does not support"),
    _words("damaged", r"unresolved delta|did not send all necessary objects|missing necessary objects"),
    _words("server", r"returned error: \d|attempting to allocate"),
    _words(
        "cut",
        r"early eof|hung up|rpc failed|unexpected disconnect|index-pack failed"
        r"|invalid index-pack output|bad band|protocol error",
    ),
    _words(
        "damaged",
        r"not a git repository|bad object|corrupt|unable to read|unable to find|loose object|packfile"
        r"|bad tree|inflate|object file|index file|invalid object|shallow file has changed|bad config"
        r"|not a valid object name|broken",
    ),
)
# A server over ssh says it in its own words.
_ABSENT_SSH = re.compile(
    r"repository not found|project you were looking for could not be found|no such repository"
    r"|repository does not exist|'[^']*': not found|path .* does not exist",
    re.IGNORECASE,
)


# Addresses and names, which may be called anything (`go-socks5`). An apostrophe within a word is none.
_QUOTED = re.compile(r"(?<![a-z])'[^'\n]*'", re.IGNORECASE)


_LATER = re.compile(r"^.*(?:remote error:|rpc failed).*$", re.IGNORECASE | re.MULTILINE)


def clean_lines(text: str, secret: str = "") -> list[str]:
    """The last few lines of what a program said, short, with control characters escaped and secrets out."""
    if secret:
        text = text.replace(secret, "***")
    kept: list[str] = []
    for line in re.split(r"[\r\n]+", text):
        plain = "".join(char if char.isprintable() else _escape(char) for char in line.strip())
        plain = harmless(plain)
        if plain and not plain.startswith(("hint:", "warning:")):
            kept.append(plain if len(plain) <= _WIDTH else plain[: _WIDTH - 1] + "…")
    return kept[-_LINES:]


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def meaning(stderr: str, scheme: str) -> Meaning:
    """What the words of a failed run over the network mean."""
    said = _QUOTED.sub("''", stderr)
    # A carriage return within a line of the server's does not make what follows git's.
    own = "\n".join(line for line in said.split("\n") if not line.startswith("remote:"))
    # Over http the status proves absence, and it is that of the list of refs: what a server says in the
    # protocol, or to a fetch after it listed them, does not.
    proof = own if scheme == "ssh" else _LATER.sub("", own)
    for row in _TABLE:
        if row.pattern.search(proof if row.meaning == "absent" else own):
            return row.meaning
        if row.meaning == "absent" and scheme == "ssh" and _ABSENT_SSH.search(said):
            return "absent"
    return "other"


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed run over the network, to be told.

    Attributes:
        address: What was asked.
        stderr: What git said.
        refusals: What the way out refused, if anything.
        credential: What the host was shown, in words without secrets; empty for nothing.
        secret: Taken out of texts.
        bound: The bound that was passed, where the run was ended for it.
        timeout: Seconds, for the text.
        quota: Bytes, for the text.
    """

    address: GitAddress
    stderr: str
    refusals: Sequence[str] = ()
    credential: str = ""
    secret: str = field(default="", repr=False)
    bound: str = ""
    timeout: float = 0.0
    quota: int = 0

    @property
    def meaning(self) -> Meaning:
        """What it means, in one word."""
        return "timeout" if self.bound == "time" else meaning(self.stderr, self.address.scheme)

    def error(self) -> ModgateError:
        """The error that says so."""
        if self.bound:
            return self._passed()
        said = " | ".join(clean_lines(self.stderr, self.secret)) or "no reason given"
        if self.refusals:
            why = "; ".join(dict.fromkeys(line for text in self.refusals for line in clean_lines(text)))
            return self._broken(
                f"the way out refused or failed: {why}",
                "if the host is inside your network, name it in vcs.internal_hosts, and the module in a "
                "private route",
            )
        verdict = self.meaning
        who = f"with the credential {self.credential}" if self.credential else "without a credential"
        host = self.address.netloc
        if verdict == "absent":
            return Absent(
                f"the host says that there is no such repository (asked {who}): {said}",
                where=self.address.shown,
                next_step="check the path; hosts say the same of a private repository to those who may not "
                f"see it: then set a credential for {host or 'the host'} in [[credentials]], and name the "
                "module in a private route",
            )
        if verdict == "refused":
            step = (
                f"check that the credential for {host} is valid and may read this repository"
                if self.credential
                else f"set a credential for {host} in [[credentials]], and name the module in a private route"
            )
            return self._broken(f"the host refused access {who}: {said}", step, "bad-answer")
        if verdict == "host-key":
            return self._broken(
                f"ssh does not know the host's key, or it has changed: {said}",
                f"put the right key of {host} into known_hosts, after comparing it with what its owner "
                "publishes",
                "bad-answer",
            )
        if verdict == "tls":
            return self._broken(
                f"the host's certificate was not accepted: {said}",
                "trust the authority that signed it, or repair the certificate",
                "bad-answer",
            )
        if verdict == "full":
            return self._broken(
                f"no room for the mirror: {said}", "make room where vcs.cache is", "storage-full"
            )
        kind: UnavailableKind = _KINDS.get(verdict, "bad-answer")
        return self._broken(
            f"git could not fetch it: {said}", "try again; if it stays, try git ls-remote there", kind
        )

    def _passed(self) -> Unavailable:
        if self.bound == "time":
            return self._broken(
                f"git took longer than {self.timeout:g} s and was ended",
                "try again; vcs.timeout is the limit",
                "timeout",
            )
        if self.bound == "output":
            return self._broken(
                "the list of refs is longer than any repository's, and git was ended",
                "check that the address is a git repository",
                "bad-answer",
            )
        return self._broken(
            f"the repository brings more than {self.quota} bytes, and git was ended",
            "vcs.max_repository is the limit",
            "bad-answer",
        )

    def _broken(self, what: str, step: str, kind: UnavailableKind = "unreachable") -> Unavailable:
        return Unavailable(what, where=self.address.shown, next_step=step, kind=kind)
