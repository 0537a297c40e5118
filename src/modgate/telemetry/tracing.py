"""Spans: where the time of a request goes, for whoever collects traces.

Rules:

- Traces are off unless something is installed, and then marking a span is one look at a variable and
  nothing of OpenTelemetry is imported.
- A span begun inside another is its child. Work that outlives the request which set it off says `root`:
  it gets a trace of its own, linked to that request. What begins after its parent has ended is never
  attributed to it, whether or not anybody thought of saying so.
- Attributes hold what logs may hold: no secret, no user info, nothing of unbounded length.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, Protocol

from modgate.errors import Absent, ModgateError, Tampered, Unavailable, Unverified

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

__all__ = [
    "NO_SPAN",
    "Kind",
    "NoSpan",
    "Span",
    "Tracer",
    "Value",
    "begin",
    "carried",
    "current",
    "entered",
    "fail",
    "ids",
    "install",
    "on",
    "span",
    "use",
]

Value = str | int | float | bool
Kind = Literal["internal", "server", "client"]

_TEXT = 300


class Span(Protocol):
    """A piece of work. Nothing here raises or waits; after `end` nothing has an effect."""

    @property
    def recording(self) -> bool:
        """Whether attributes go anywhere: false where traces are off, or this one is not sampled."""

    @property
    def over(self) -> bool:
        """Whether it has ended."""

    def set(self, attributes: Mapping[str, Value | None]) -> None:
        """Add attributes; None is left out, texts are cut."""

    def event(self, name: str, attributes: Mapping[str, Value | None] | None = None) -> None:
        """Something happened now."""

    def link(self, other: Span) -> None:
        """It has to do with another span that is not its parent."""

    def broken(self, text: str) -> None:
        """Its status is ERROR, with this description."""

    def end(self) -> None:
        """It is done; a second call does nothing."""


class Tracer(Protocol):
    """What makes spans, once traces are on."""

    def begin(
        self,
        name: str,
        attributes: Mapping[str, Value | None],
        *,
        kind: Kind,
        parent: Span,
        links: Sequence[Span],
        carrier: Mapping[str, str] | None,
    ) -> Span:
        """A new span. Its parent is `parent` unless that is `NO_SPAN`; then what `carrier`, the headers
        `traceparent` and `tracestate` of a request, names; then nothing.
        """

    def carried(self, span: Span) -> dict[str, str]:
        """The headers that lead from a span to what it asks of another process."""

    def ids(self, span: Span) -> tuple[str, str]:
        """The trace id and the span id in hex; empty without any."""


class NoSpan:
    """No span: traces are off, or nothing was begun."""

    __slots__ = ()

    recording = False
    over = False

    def set(self, attributes: Mapping[str, Value | None]) -> None:
        """Nothing."""

    def event(self, name: str, attributes: Mapping[str, Value | None] | None = None) -> None:
        """Nothing."""

    def link(self, other: Span) -> None:
        """Nothing."""

    def broken(self, text: str) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


NO_SPAN = NoSpan()

_current: ContextVar[Span] = ContextVar("modgate_span", default=NO_SPAN)
_tracer: Tracer | None = None


def install(tracer: Tracer | None) -> None:
    """Switch traces on for this process, or off with None."""
    global _tracer  # noqa: PLW0603  as with logs: one for the process, or every layer would carry it
    _tracer = tracer


def on() -> bool:
    """Whether traces are on."""
    return _tracer is not None


def current() -> Span:
    """The span of what runs now; `NO_SPAN` without one."""
    return _current.get()


def begin(
    name: str,
    attributes: Mapping[str, Value | None] | None = None,
    *,
    kind: Kind = "internal",
    root: bool = False,
    links: Sequence[Span] = (),
    carrier: Mapping[str, str] | None = None,
) -> Span:
    """A span that whoever begins it also ends. It is not made current (`use`).

    One without a parent is linked to `links`, else to what runs now.
    """
    if _tracer is None:
        return NO_SPAN
    parent = _current.get()
    if parent is not NO_SPAN and (root or parent.over):
        links = links or (parent,)
        parent = NO_SPAN
    return _tracer.begin(name, attributes or {}, kind=kind, parent=parent, links=links, carrier=carrier)


def span(
    name: str,
    attributes: Mapping[str, Value | None] | None = None,
    *,
    kind: Kind = "internal",
    root: bool = False,
    links: Sequence[Span] = (),
    carrier: Mapping[str, str] | None = None,
) -> _Block | _NoBlock:
    """A block that is a span: current within it, over with it, failed by what is raised in it."""
    if _tracer is None:
        return _NO_BLOCK
    begun = begin(name, attributes, kind=kind, root=root, links=links, carrier=carrier)
    return _Block(begun, ends=True)


def entered(begun: Span) -> _Block | _NoBlock:
    """A block in which a span is current, and with which it ends; what it ended with is told by others."""
    return _NO_BLOCK if begun is NO_SPAN else _Block(begun, ends=True, tells=False)


def use(begun: Span) -> _Block | _NoBlock:
    """A block in which a span is current; it stays open."""
    return _NO_BLOCK if begun is NO_SPAN else _Block(begun, ends=False)


def fail(failed: Span, error: BaseException, *, broken: bool | None = None) -> None:
    """Say in a span what it ended with. It is a failure (`broken`) unless it is proved absence."""
    if not failed.recording:
        return
    name, text, kind = type(error).__name__, "", None
    if isinstance(error, ModgateError):
        text = error.what[:_TEXT]
        kind = error.kind if isinstance(error, Unavailable) else None
    forged = isinstance(error, (Tampered, Unverified))
    failed.set(
        {
            "error.type": name,
            "modgate.error": text or None,
            "modgate.error.kind": kind,
            "checksum.valid": False if forged else None,
        }
    )
    if broken or (broken is None and not isinstance(error, Absent)):
        failed.broken(f"{name}: {text}" if text else name)


def carried(begun: Span) -> dict[str, str]:
    """The headers that lead another process back to a span; none where there is no span."""
    return {} if _tracer is None or begun is NO_SPAN else _tracer.carried(begun)


def ids() -> tuple[str, str]:
    """The trace id and the span id of what runs now, in hex; empty without any."""
    now = _current.get()
    return ("", "") if _tracer is None or now is NO_SPAN else _tracer.ids(now)


class _Block:
    """A span that is current."""

    __slots__ = ("_before", "_ends", "_span", "_tells")

    def __init__(self, begun: Span, *, ends: bool, tells: bool = True) -> None:
        self._span = begun
        self._ends = ends
        self._tells = tells

    def __enter__(self) -> Span:
        self._before = _current.set(self._span)
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.reset(self._before)
        if not self._ends:
            return
        if isinstance(error, Exception):
            if self._tells:
                fail(self._span, error)
        elif error is not None:
            self._span.set({"modgate.cancelled": True})
        self._span.end()


class _NoBlock:
    """Traces are off."""

    __slots__ = ()

    def __enter__(self) -> Span:
        return NO_SPAN

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


_NO_BLOCK = _NoBlock()
