"""The errors of modgate: one small family, told apart by what a client may conclude from them.

Of every error ask: *absent, or broken?* Only `Absent` lets the go command fall through to the next
proxy of its chain; an outage reported as absence would silently change where code comes from.
Each error says what happened, where, and the next step; `server/respond.py` is the one place that
turns them into HTTP.
"""

from __future__ import annotations

from typing import Literal

__all__ = [
    "Absent",
    "Conflict",
    "Denied",
    "Invalid",
    "ModgateError",
    "Tampered",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "Unverified",
]

UnavailableKind = Literal[
    "bad-answer", "timeout", "overloaded", "unreachable", "storage-full", "stopping", "loop"
]


class ModgateError(Exception):
    """What went wrong (`what`), where (`where`), and what to do next (`next_step`).

    `where` and `next_step` may be empty. The text is for people and must hold no secret.
    """

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.next_step = next_step

    def lines(self) -> list[str]:
        """The text shown to a person, one statement a line."""
        first = f"{self.where}: {self.what}" if self.where else self.what
        return [first, self.next_step] if self.next_step else [first]

    def __str__(self) -> str:
        return "\n".join(self.lines())


class Invalid(ModgateError):
    """The request or the input breaks a rule of Go or of HTTP.

    `malformed` is true where the URL itself is nonsense (400); otherwise the reference proxy
    says "not found" (404).
    """

    def __init__(self, what: str, *, where: str = "", next_step: str = "", malformed: bool = False) -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.malformed = malformed


class TooLarge(Invalid):
    """What was sent is larger than Go allows: 413."""


class Absent(ModgateError):
    """It is proved not to exist: the source answered 404, or 410 (`gone`).

    `verbatim` marks an upstream's own text: a client is shown that and nothing else, as if it had
    asked there, since other tools read it.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        next_step: str = "",
        gone: bool = False,
        verbatim: bool = False,
    ) -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.gone = gone
        self.verbatim = verbatim


class Denied(ModgateError):
    """A policy, ours or the upstream's, refuses it: 403, never 404, which `,direct` would bypass.

    What our own policy refuses says the whole `text` (its lines), the `decision`'s id, and which advisories
    (`severity`, `advisories`) brought it about.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        next_step: str = "",
        text: tuple[str, ...] = (),
        decision: str = "",
        severity: str = "",
        advisories: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.text = text
        self.decision = decision
        self.severity = severity
        self.advisories = advisories

    def lines(self) -> list[str]:
        """The policy's own text where there is one."""
        return list(self.text) or super().lines()


class Conflict(ModgateError):
    """What is to be published exists with other content: 409. The text names what stands."""


class Unverified(ModgateError):
    """The checksum database proves that it does not know this version."""


class Unauthenticated(ModgateError):
    """The client must present (fresh) credentials; `scheme` goes into WWW-Authenticate."""

    def __init__(self, what: str, *, where: str = "", next_step: str = "", scheme: str = "Basic") -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.scheme = scheme


class Unavailable(ModgateError):
    """Broken, not absent: a time-out, a refusal, 5xx, 429, a full disk, a stopping server, a gate that
    is asked by way of itself (`loop`: true for the way a request took, not for what it asked).

    `retry_after` is in seconds where known.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        next_step: str = "",
        kind: UnavailableKind = "unreachable",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.kind: UnavailableKind = kind
        self.retry_after = retry_after


class Tampered(ModgateError):
    """Bytes, a signature or a tree disagree with what was proved: refused, alerted, never stored."""
