"""HTTP/2 frames as `GODEBUG=http2debug=1|2` prints them: which stream is which URL, and how each ended.

`-x` stops at the head; the frames tell whether the body ended (END_STREAM), was broken off (RST_STREAM) or
never came. Streams are counted per connection, so `http2debug=2`, which names the connection by its framer, is
exact; `http2debug=1` does not, and streams are then matched in the order of the requests. Source:
net/http/h2_bundle.go.
"""

# ruff: noqa: E501  texts of other programs stand on a line each

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Frames", "Stream"]

_FRAMER = re.compile(
    r"http2: Framer (?P<conn>\S+): (?P<way>read|wrote) (?P<kind>[A-Z_]+)(?P<flags> flags=\S+)?(?: stream=(?P<stream>\d+))?(?: len=(?P<len>\d+))?(?P<rest>.*)"
)
_TRANSPORT = re.compile(
    r"http2: Transport received (?P<kind>[A-Z_]+)(?P<flags> flags=\S+)?(?: stream=(?P<stream>\d+))?(?: len=(?P<len>\d+))?(?P<rest>.*)"
)
_HEADER = re.compile(r'http2: Transport encoding header "(?P<name>[^"]+)" = "(?P<value>.*)"')
_DECODED = re.compile(r'http2: decoded hpack field header field "(?P<name>[^"]+)" = "(?P<value>.*)"')
_HTML = re.compile(r'data="(?:\\[nrt]|\\ufeff|\s)*<(?:!|[a-zA-Z])')
_MOST = 20_000


@dataclass(slots=True)
class Stream:
    """One request on an HTTP/2 connection."""

    url: str
    line: int
    head: bool = False
    ended: bool = False
    reset: str = ""
    size: int = 0
    announced: int | None = None
    html: bool = False


class Frames:
    """The streams of a log; finished ones are forgotten once they are many."""

    def __init__(self) -> None:
        self.streams: dict[tuple[str, int], Stream] = {}
        self.goaway = ""
        self.lost = ""
        self.html: list[Stream] = []
        self._fields: dict[str, str] = {}
        self._asked: list[Stream] = []
        self._framed = False
        self._reading: Stream | None = None

    @property
    def seen(self) -> bool:
        """Whether there was a request in frames."""
        return bool(self.streams) or bool(self._asked)

    def line(self, line: str, number: int) -> None:
        """Take a line that begins with `http2: `."""
        if found := _HEADER.match(line):
            self._encoding(found["name"], found["value"], number)
        elif found := _FRAMER.match(line):
            self._framed = True
            self._frame(found["conn"], found, wrote=found["way"] == "wrote")
        elif found := _TRANSPORT.match(line):
            if found["kind"] == "GOAWAY":
                self.goaway = line
            if not self._framed:
                self._frame("", found, wrote=False)
        elif found := _DECODED.match(line):
            if self._reading is not None and found["name"] == "content-length" and found["value"].isdigit():
                self._reading.announced = int(found["value"])
        elif "Transport creating client conn" in line and not self._framed:
            self.streams = {key: stream for key, stream in self.streams.items() if not stream.ended}
        elif "readFrame error" in line or "client connection lost" in line:
            self.lost = line

    def unfinished(self) -> list[Stream]:
        """The streams that neither ended nor were reset, in the order of the requests."""
        waiting = [stream for stream in self.streams.values() if not stream.ended and not stream.reset]
        return sorted([*waiting, *self._asked], key=lambda stream: stream.line)

    def _encoding(self, name: str, value: str, number: int) -> None:
        self._fields[name] = value
        if not {":authority", ":path"} <= self._fields.keys():
            return
        scheme = self._fields.get(":scheme")
        if name in {":path", ":authority"}:
            url = f"{scheme or 'https'}://{self._fields[':authority']}{self._fields[':path']}"
            self._asked.append(Stream(url, number))
            self._fields = {}
            del self._asked[:-64]

    def _frame(self, conn: str, found: re.Match[str], *, wrote: bool) -> None:
        if found["stream"] is None:
            return
        key = (conn, int(found["stream"]))
        ends = "END_STREAM" in (found["flags"] or "")
        if wrote:
            if found["kind"] == "HEADERS" and self._asked:
                self._keep(key, self._asked.pop(0))
            return
        stream = self.streams.get(key)
        if (stream is None or stream.ended) and not conn and found["kind"] == "HEADERS" and self._asked:
            stream = self._keep(key, self._asked.pop(0))
        if stream is None:
            return
        if found["kind"] == "HEADERS":
            stream.head = True
            self._reading = stream
        elif found["kind"] == "DATA":
            if stream.size == 0 and _HTML.search(found["rest"]):
                stream.html = True
                self.html.append(stream)
            stream.size += int(found["len"] or 0)
        elif found["kind"] == "RST_STREAM":
            stream.reset = found["rest"].strip() or "RST_STREAM"
        stream.ended = stream.ended or ends

    def _keep(self, key: tuple[str, int], stream: Stream) -> Stream:
        if len(self.streams) > _MOST:
            self.streams = {name: kept for name, kept in self.streams.items() if not kept.ended}
        self.streams[key] = stream
        return stream
