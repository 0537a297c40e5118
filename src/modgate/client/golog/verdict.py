"""Which of the symptoms is the root cause.

1. What a setting has wrong and a URL or a value shows. 2. What ended the command: go says it once for each
module, so the reason that keeps most modules from coming is taken, the first among equals. 3. Where go says
nothing in the end: requests that failed and that no later entry of the chain made good. 4. Silence: a request
without an answer, a body without an end. 5. What go and gopls say after something else had failed. What the
chain recovered is a note.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.client.causes import body, checksum, config, content, editor, headers, status, vcs
from modgate.client.findings import Finding, Impact, Phase
from modgate.client.golog.analyser import Analysis
from modgate.client.golog.making import find
from modgate.client.golog.symptoms import Tier
from modgate.client.golog.targets import target
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.client.golog.analyser import Log
    from modgate.client.golog.book import Entry

__all__ = ["conclude"]

_AUTH = (status.UNAUTHORIZED, status.FORBIDDEN, status.NOT_FOUND, vcs.NO_CREDENTIALS, vcs.NO_SECURE_PROTOCOL)


def conclude(log: Log) -> Analysis:
    """The analysis of all that was read."""
    _off_at_the_end(log)
    _unrecovered(log)
    _silence(log)
    _env(log)
    _editor(log)
    _wrong_content(log)
    _goauth(log)
    ranked = list(log.symptoms)
    root = next((symptom for symptom in ranked if _may_be_root(symptom.tier, symptom.finding)), None)
    rest = [symptom for symptom in ranked if symptom is not root]
    findings = ([root.told] if root else []) + [
        replace(
            symptom.told,
            impact=min(symptom.finding.impact, Impact.DEGRADES) if root else symptom.finding.impact,
        )
        for symptom in rest
    ]
    return Analysis(
        requests=log.book.seen(),
        findings=tuple(findings),
        root_cause=findings[0] if root else None,
        kinds=frozenset(log.kinds),
        lines=log.lines,
        stopped=log.stopped,
        hints=_hints(log, None if root is None else root.finding),
    )


def _may_be_root(tier: Tier, finding: Finding) -> bool:
    return tier > Tier.NOTE or finding.cause.phase is Phase.OK


def _keys(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """What was asked for, whichever proxy it was asked of: a proxy's folder may look like a domain too."""
    about = entry.target
    if not about.module:
        yield "", "", entry.url
    elements = about.module.split("/")
    for index, element in enumerate(elements):
        if "." in element or not index:
            yield "/".join(elements[index:]), about.version, about.endpoint


def _off_at_the_end(log: Log) -> None:
    """`proxy,off`: where a proxy was asked first and had nothing, `off` only ends the search."""
    for symptom in log.symptoms.of(config.PROXY_OFF):
        modules = {name.partition("@")[0] for name in symptom.modules}
        for index, finding in log.failed.items():
            entry = log.book.entries[index]
            if entry.status in {404, 410} and entry.target.module in modules:
                symptom.tier = Tier.CASCADE
                log.symptoms.add(finding, Tier.FINAL, [(entry.line, entry.raw)], entry.target.module)


def _unrecovered(log: Log) -> None:
    """Requests that failed: a note where another entry of the chain answered, a symptom where none did."""
    if not log.failed:
        return
    good = {key for entry in log.book.entries if entry.ok and entry.phase is Phase.OK for key in _keys(entry)}
    ended = log.symptoms.any(Tier.FINAL)
    nothing_came = not good
    for index, finding in log.failed.items():
        entry = log.book.entries[index]
        absent = entry.status in {404, 410}
        lost = good.isdisjoint(_keys(entry)) and not ended and (not absent or nothing_came)
        weakened = replace(
            finding, confidence=min(finding.confidence, 0.8), impact=finding.impact if lost else Impact.NOTE
        )
        log.symptoms.add(
            weakened, Tier.REQUEST if lost else Tier.NOTE, [(entry.line, entry.raw)], entry.target.module
        )


def _silence(log: Log) -> None:
    """No answer, or no end of one, where go said nothing else."""
    if log.symptoms.any(Tier.FINAL):
        return
    streams = log.frames.unfinished()
    without_head = [stream for stream in streams if not stream.head]
    without_end = [stream for stream in streams if stream.head and log.kinds]
    waiting = log.book.open()
    if waiting:
        host, _ = Counter(entry.target.host for entry in waiting).most_common(1)[0]
        entries = [entry for entry in waiting if entry.target.host == host]
        sure = 0.95 if without_head else 0.9 if log.stopped else 0.7
        about = entries[0].target
        if about.is_database:
            found = find(checksum.DATABASE_TIMEOUT, confidence=sure - 0.1, host=host, module=about.module)
        else:
            found = find(headers.STALL, confidence=sure, host=host)
        for entry in entries:
            entry.phase = found.cause.phase
            log.symptoms.add(found, Tier.SILENCE, [(entry.line, entry.raw)], about.module)
    elif without_end:
        stream = without_end[-1]
        about = target(stream.url)
        found = find(body.STALL, confidence=0.95, host=about.host, url=stream.url)
        log.symptoms.add(
            found, Tier.SILENCE, [(stream.line, f"{stream.url}: {stream.size}/{stream.announced or '?'}")]
        )
        _mark(log, stream.url, Phase.BODY)
    elif log.stopped:
        _stopped(log)


def _stopped(log: Log) -> None:
    """Somebody stopped go, and every request had its head: what came last had not ended."""
    last = next(log.book.newest(1), None)
    if log.git is not None:
        number, command = log.git
        host = command.partition("://")[2].partition("/")[0].rpartition("@")[2]
        log.symptoms.add(
            find(vcs.FETCH_FAILED, confidence=0.6, host=host, text=command), Tier.SILENCE, [(number, command)]
        )
    elif last is not None and last.ok:
        last.phase = Phase.BODY
        found = find(body.STALL, confidence=0.7, host=last.target.host, url=last.url)
        log.symptoms.add(found, Tier.SILENCE, [(last.line, last.raw)], last.target.module)
    elif log.downloading is not None:
        number, raw = log.downloading
        name = raw.removeprefix("go: downloading ")
        log.symptoms.add(find(body.STALL, confidence=0.5, url=name), Tier.SILENCE, [(number, raw)])


def _mark(log: Log, url: str, phase: Phase) -> None:
    for entry in log.book.newest():
        if entry.url == url:
            entry.phase = phase
            return


def _env(log: Log) -> None:
    """Settings that the log prints: the cause where they are wrong, a doubt where there is nothing else."""
    for finding, number, raw in log.env.findings(log.name):
        if finding.impact >= Impact.DEGRADES:
            tier = Tier.SLIP
        else:
            tier = Tier.CASCADE if log.kinds <= {"env", "go"} and not log.symptoms else Tier.NOTE
        log.symptoms.add(finding, tier, [(number, raw)])


def _editor(log: Log) -> None:
    """gopls: whose GOPROXY=off it is, and imports that fail without a reason."""
    seen = log.editor
    off = log.symptoms.of(config.PROXY_OFF)
    if not seen.seen:
        return
    if off and not seen.only_off:
        for symptom in off:
            module = symptom.modules[0] if symptom.modules else ""
            symptom.finding = find(
                config.OFFLINE_EDITOR, subject=module, confidence=0.9 if seen.proxies else 0.7, module=module
            )
            symptom.tier = Tier.CASCADE
    imports = {package: where for package, where in seen.imports.items() if "." in package.partition("/")[0]}
    if seen.only_off and (imports or off):
        number, raw = seen.commands["off"]
        proof = [(number, raw), *imports.values()]
        found = find(config.PROXY_OFF, source=f"{log.name}:{number}", confidence=0.9, subject="GOPROXY")
        log.symptoms.add(found, Tier.FINAL, proof)
    elif imports:
        package = next(iter(imports))
        found = find(editor.IMPORT_HIDDEN, confidence=0.6, subject="gopls", package=package)
        log.symptoms.add(found, Tier.CASCADE, [*list(imports.values())[:3]])


def _wrong_content(log: Log) -> None:
    """HTML in the frames of a go.mod, which go accepts without a word."""
    for stream in log.frames.html:
        about = target(stream.url)
        if about.endpoint == "mod":
            found = find(content.HTML_MOD, confidence=0.95, host=about.host, url=stream.url)
            log.symptoms.add(found, Tier.REQUEST, [(stream.line, stream.url)], about.module)
            _mark(log, stream.url, Phase.CONTENT)


def _goauth(log: Log) -> None:
    """A GOAUTH command that fails is the cause where credentials were what lacked, else a note."""
    for symptom in log.symptoms.of(config.GOAUTH_FAILED):
        if symptom.evidence[0].raw.startswith("go: "):
            continue  # go itself gave up over it
        refused = [other for other in log.symptoms.of(*_AUTH) if other.tier >= Tier.REQUEST]
        symptom.tier = Tier.SLIP if refused else Tier.NOTE
        if refused:
            host = refused[0].finding.values.get("host", "")
            symptom.finding = replace(
                symptom.finding, values={**symptom.finding.values, "host": host or "GOPROXY"}
            )


def _hints(log: Log, root: Finding | None) -> tuple[Message, ...]:
    """What another recording would show."""
    hints: list[Message] = []
    last = next(log.book.newest(1), None)
    if (
        root is None
        and last is not None
        and last.ok
        and last.target.endpoint in {"zip", "mod", "info", "list", "latest"}
        and not log.frames.seen
    ):
        hints.append(Message("log.hint.body", {}))
    if root is not None and root.cause in {headers.STALL, body.STALL} and not log.frames.seen:
        hints.append(Message("log.hint.frames", {}))
    return tuple(hints)
