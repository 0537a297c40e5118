"""A log read line by line: requests, symptoms, and at the end one root cause.

The analyser is fed while go runs, or from a file; it keeps requests and symptoms, never the log itself, so a
log of any size is read in one pass. It knows the text alone: what the log does not show is not guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.client.causes import checksum, content
from modgate.client.findings import Finding, Phase
from modgate.client.golog import messages
from modgate.client.golog.book import Book, Entry
from modgate.client.golog.editor import Editor
from modgate.client.golog.frames import Frames
from modgate.client.golog.goenv import EnvSeen
from modgate.client.golog.judge import judge, judge_request
from modgate.client.golog.making import find
from modgate.client.golog.prefixes import bare, clock, shortened
from modgate.client.golog.symptoms import Symptoms, Tier
from modgate.client.golog.values import bogus, fault_in_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modgate.client.golog.said import Said
    from modgate.client.requests import SeenRequest
    from modgate.messages import Message

__all__ = ["Analyser", "Analysis", "Log", "analyse"]

_CONTINUED = 40
_JSON_OUTPUT = re.compile(
    r'\s*"(?:Path|Version|GoMod|Zip|Info|Dir|Sum|GoModSum|ImportPath|Origin|Query|Reuse)": '
)
_MISMATCHES = (checksum.GO_SUM_MISMATCH, checksum.DATABASE_MISMATCH)
_MIRROR_PHASES = {Phase.DNS, Phase.CONNECT, Phase.TLS, Phase.HEADERS, Phase.STATUS, Phase.CONTENT}
_GIT_BEGUN = re.compile(r"(?:cd [^;]+; )?(?P<command>git (?:ls-remote|fetch|clone)\b.*)")
_GIT_DONE = re.compile(r"\d+\.\d+s # ")


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a log showed.

    Attributes:
        requests: In the order in which they were begun.
        findings: Everything that is wrong or worth knowing, the root cause first where there is one.
        root_cause: None where it worked, or where the log does not say.
        kinds: What was recognised: `go`, `x`, `http2`, `netdns`, `env`, `editor`, `git`, `json`; empty where
            nothing was.
        lines: How many there were.
        stopped: Whether the log shows that somebody stopped go.
        hints: What the log does not show and a second recording would.
    """

    requests: tuple[SeenRequest, ...] = ()
    findings: tuple[Finding, ...] = ()
    root_cause: Finding | None = None
    kinds: frozenset[str] = frozenset()
    lines: int = 0
    stopped: bool = False
    hints: tuple[Message, ...] = ()


@dataclass(slots=True)
class Log:
    """All that was read, for the verdict."""

    name: str
    symptoms: Symptoms
    book: Book = field(default_factory=Book)
    frames: Frames = field(default_factory=Frames)
    env: EnvSeen = field(default_factory=EnvSeen)
    editor: Editor = field(default_factory=Editor)
    kinds: set[str] = field(default_factory=set)
    failed: dict[int, Finding] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    lines: int = 0
    stopped: bool = False
    git: tuple[int, str] | None = None
    downloading: tuple[int, str] | None = None


class Analyser:
    """Takes lines in, gives an Analysis out.

    `name` is what evidence calls the log (`err.log:12`).
    """

    def __init__(self, name: str = "log") -> None:
        self._log = Log(name, Symptoms(name))
        self._pending: list[tuple[int, str]] = []
        self._patience = 0
        self._bases: set[str] = set()

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """The requests so far."""
        return self._log.book.seen()

    def request(self, index: int) -> SeenRequest:
        """The state of the request that `feed` named."""
        return self._log.book.seen_one(index)

    def feed(self, line: str, at: float | None = None) -> int | None:
        """Take the next line, with the seconds of any clock where it is read live.

        Returns the index of the request that it began or answered, None for other lines. Never raises.
        """
        self._log.lines += 1
        number = self._log.lines
        text = bare(line)
        if text.startswith("# get "):
            self._log.kinds.add("x")
            when = clock(line) if at is None else at
            return self._get(shortened(text[6:]), number, when, live=at is not None)
        if text.startswith("http2: "):
            self._log.kinds.add("http2")
            self._log.frames.line(text, number)
            return None
        if text.startswith("go package net: "):
            self._log.kinds.add("netdns")
            return None
        self._line(text, number)
        return None

    def finish(self, *, interrupted: bool = False) -> Analysis:
        """The verdict. `interrupted` says what the log may not: that go was stopped while it ran."""
        from modgate.client.golog.verdict import conclude  # noqa: PLC0415  it reads this module's Log

        self._flush()
        self._log.stopped = self._log.stopped or interrupted
        return conclude(self._log)

    def _line(self, text: str, number: int) -> None:
        log = self._log
        if self._pending and messages.continues(text) and len(self._pending) < _CONTINUED:
            self._pending.append((number, shortened(text.strip())))
            return
        if text[:1] in {"{", "P", "R"}:
            inner = log.editor.unwrap(text, number)
            if inner is not None:
                log.kinds.add("editor")
                self._inner(inner, number)
                return
        text = shortened(text)
        if log.env.line(text, number):
            log.kinds.add("env")
            return
        if _JSON_OUTPUT.match(text):
            log.kinds.add("json")
            return
        if ("GOPROXY=" in text and log.editor.command(text, number)) or "could not import " in text:
            log.kinds.add("editor")
            self._inner(log.editor.text(text, number), number)
            return
        if messages.is_progress(text):
            self._flush()
            log.kinds.add("go")
            if text.startswith("go: downloading "):
                log.downloading = (number, text)
            return
        self._git(text, number)
        if first := messages.begin(text):
            self._flush()
            self._pending = [(number, part) for part in first]
            return
        if messages.stopped(text):
            log.stopped = True
        if text:
            self._flush()

    def _inner(self, lines: list[str], number: int) -> None:
        """Lines that stand inside of one line of the log."""
        self._flush()
        for line in map(shortened, lines):
            if self._pending and messages.continues(line):
                self._pending.append((number, line.strip()))
            elif line.strip():
                self._flush()
                if first := messages.begin(line.strip()):
                    self._pending = [(number, part) for part in first]
        self._flush()

    def _git(self, text: str, number: int) -> None:
        if _GIT_DONE.match(text):
            self._log.git = None
            self._log.kinds.add("git")
        elif found := _GIT_BEGUN.match(text):
            self._log.git = (number, found["command"])
            self._log.kinds.add("git")

    def _get(self, rest: str, number: int, at: float | None, *, live: bool) -> int:
        log = self._log
        index = log.book.get_line(rest, number, at, live=live)
        entry = log.book.entries[index]
        base = entry.target.base
        if base not in self._bases and len(self._bases) < 10_000:
            self._bases.add(base)
            if slip := fault_in_url(entry.target, self._source(number)):
                log.symptoms.add(slip, Tier.SLIP, [(number, f"# get {rest}")], entry.target.module)
        if entry.ok:
            log.answered.add(entry.target.host)
        elif entry.answered:
            self._failed(index, entry)
        return index

    def _failed(self, index: int, entry: Entry) -> None:
        source = self._source(entry.line)
        if entry.error:
            said, finding = judge_request(entry.url, entry.error, source, self._log.answered)
            finding = self._completed(finding, said) if finding else None
        else:
            answer = entry.raw.rpartition(": ")[2].partition(" (")[0]
            _, finding = judge(f"reading {entry.url}: {answer}", source, self._log.answered)
        entry.phase = finding.cause.phase if finding else Phase.HEADERS
        if finding is not None and len(self._log.failed) < 5000:
            self._log.failed[index] = finding

    def _flush(self) -> None:
        """Judge the message that has ended."""
        lines, self._pending = self._pending, []
        if not lines:
            return
        number = lines[0][0]
        text = shortened("\n".join(part for _, part in lines))
        said, finding = judge(text, self._source(number), self._log.answered)
        if finding is None:
            return
        self._log.kinds.add("go")
        if finding.cause in _MISMATCHES and not said.module and self._log.symptoms.of(*_MISMATCHES):
            return  # go's explanation of the mismatch that stands before it
        finding = self._completed(finding, said)
        tier = Tier.NOTE if finding.cause.phase is Phase.OK else Tier.FINAL
        # What wraps stands first, what happened last: of a long chain the middle says nothing.
        proof = lines if len(lines) <= 4 else [lines[0], *lines[-3:]]
        self._log.symptoms.add(finding, tier, proof, said.name)
        self._mark(finding, said)

    def _completed(self, finding: Finding, said: Said) -> Finding:
        """With what go leaves out of its words and the log shows elsewhere."""
        if finding.cause is content.NOT_A_ZIP and said.url is None:
            entry = self._log.book.last(endpoint="zip")
            if entry is not None:
                entry.phase = Phase.CONTENT
                host = entry.target.host
                return find(finding.cause, said, confidence=0.9, subject=host, host=host, url=entry.url)
        if finding.cause is content.HTML_MOD and said.url is None:
            asked = (entry for entry in self._log.book.newest(300) if entry.target.endpoint == "mod")
            if entry := next((entry for entry in asked if entry.target.module == said.module), None):
                return find(finding.cause, said, host=entry.target.host, url=entry.url)
        if said.url is not None and not said.url.scheme:
            # A redirect is told by the path alone: the request that was begun for it has the host.
            begun = (entry for entry in self._log.book.newest(300) if entry.url.endswith(said.url.url))
            if entry := next(begun, None):
                host = entry.target.host
                return find(finding.cause, said, confidence=finding.confidence, subject=host, host=host)
        if said.url is not None and finding.cause.phase in _MIRROR_PHASES:
            return bogus(said.url, self._source(self._log.lines)) or finding
        return finding

    def _mark(self, finding: Finding, said: Said) -> None:
        """The request that a message is about failed, though its head had come."""
        phase = finding.cause.phase
        for entry in self._log.book.newest(300):
            about = entry.target
            if said.url is not None and said.url.endpoint != "other":
                fits = entry.url == said.url.url
            elif finding.cause in {content.PORTAL, content.BAD_JSON, content.WRONG_VERSION}:
                fits = about.module == said.module and about.endpoint in {"info", "latest"} and entry.ok
            elif finding.cause in {content.MOVED, content.BAD_GO_MOD, content.HTML_MOD}:
                fits = about.module == said.module and about.endpoint == "mod"
            else:
                return
            if fits:
                if phase not in {Phase.OK, Phase.CONFIG} and entry.phase is Phase.OK:
                    entry.phase = phase
                return

    def _source(self, number: int) -> str:
        return f"{self._log.name}:{number}"


def analyse(lines: Iterable[str], name: str = "log", *, interrupted: bool = False) -> Analysis:
    """The analysis of a whole log."""
    analyser = Analyser(name)
    for line in lines:
        analyser.feed(line)
    return analyser.finish(interrupted=interrupted)
