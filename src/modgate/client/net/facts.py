"""What a probe saw: facts without judgement, one for each thing tried.

A probe never raises for what the network does to it: a failure is a fact with a phase, a kind and the words
of the system. Judging is the checks' business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.findings import Phase

__all__ = ["Certificate", "Exchange", "Failure", "FailureKind", "Resolution", "Step"]


class FailureKind(StrEnum):
    """How something failed, told apart as far as the network tells it.

    In the phases `headers` and `body` silence is STALL and the end of the whole probe's time TIMEOUT;
    REDIRECT is a loop or a target that is no URL, `Exchange.redirects` ends with the target that was not
    followed.
    """

    TIMEOUT = "timeout"
    REFUSED = "refused"
    RESET = "reset"
    CLOSED = "closed"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"
    NO_SUCH_HOST = "no-such-host"
    NO_ADDRESS = "no-address"
    SERVER_FAILURE = "server-failure"
    GARBAGE = "garbage"
    NOT_TLS = "not-tls"
    TLS_PORT = "tls-port"
    ALERT = "alert"
    UNKNOWN_AUTHORITY = "unknown-authority"
    WRONG_NAME = "wrong-name"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    CERTIFICATE = "certificate"
    PROXY_STATUS = "proxy-status"
    REDIRECT = "redirect"
    REDIRECT_INSECURE = "redirect-insecure"
    SOCKS = "socks"
    CUT = "cut"
    STALL = "stall"
    H2 = "h2"
    TOO_LARGE = "too-large"
    SETTING = "setting"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a probe ended early: where, how, and the system's or the server's own words.

    `status` for PROXY_STATUS. A proxy that cannot be resolved, reached or shaken hands with has the phase
    `proxy` and the kind of what happened.
    """

    phase: Phase
    kind: FailureKind
    text: str = ""
    status: int = 0


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server showed.

    Attributes:
        names: DNS names and addresses; empty where it has a common name only, which go refuses.
        issuer: Who signed it, in a few words.
        not_before: Seconds since 1970, like `not_after`.
        not_after: The last second in which it holds.
        trusted: This machine accepts it for the name that was asked for, now.
        sha256: Of the certificate, hexadecimal.
        chain_root: The authority at the end of the chain, as far as the chain is known.
        subject: Whose it is, in a few words.
        self_signed: It signed itself.
        logged: It carries proof of a public certificate log: what public authorities issue does, what an
            inspecting middlebox makes up does not.
    """

    names: tuple[str, ...]
    issuer: str
    not_before: float
    not_after: float
    trusted: bool
    sha256: str = ""
    chain_root: str = ""
    subject: str = ""
    self_signed: bool = False
    logged: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one resolver said of one name. `server` is `system` or an address or a DoH URL; seconds it
    took.
    """

    host: str
    server: str
    addresses: tuple[str, ...] = ()
    seconds: float = 0.0
    failure: Failure | None = None
    cname: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One phase of an exchange: `dns`, `connect`, `proxy`, `tls`, `request`, `first-byte`, `body`;
    seconds.
    """

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP request as it went, redirects followed as go follows them.

    Attributes:
        url: As asked.
        status: 0 where no head came.
        headers: Of the last answer; names in lower case.
        body: The first bytes, as many as were asked for, as they came: nothing is unpacked.
        size: Bytes of body that arrived; a rate follows from it and the body step.
        steps: In order; a redirect's hops are summed.
        address: Of the last hop's peer, empty where none was reached.
        proxy: The proxy used, credentials taken out, empty for none.
        http_version: `HTTP/1.1`, `HTTP/2`; empty where no head came.
        redirects: The URLs after the first, in order.
        certificate: Of the last hop, also where it was not accepted.
        failure: None where the whole answer came (whatever its status).
        date: The Date header of the last head that came, a redirect's included, as seconds since 1970; None
            where absent.
        received: The local time of the head.
        complete: The body ended by itself; False where it was left at `most` bytes or `seconds`.
        reused: It went over a connection that an earlier exchange had left open: no dns, connect, tls.
    """

    url: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    size: int = 0
    steps: tuple[Step, ...] = ()
    address: str = ""
    proxy: str = ""
    http_version: str = ""
    redirects: tuple[str, ...] = ()
    certificate: Certificate | None = None
    failure: Failure | None = None
    date: float | None = None
    received: float = 0.0
    complete: bool = False
    reused: bool = False

    @property
    def seconds(self) -> float:
        """From the beginning to the end or the failure."""
        return sum(step.seconds for step in self.steps)

    def step(self, name: str) -> float:
        """The seconds of one step, 0 where it was not reached."""
        return sum(step.seconds for step in self.steps if step.name == name)
