"""GOFLAGS as go splits and checks it, and GOAUTH likewise.

Every word of GOFLAGS must be a flag that some go command has; quotation marks count at the beginning of a
word only. Source: cmd/go/internal/base/goflags.go, cmd/internal/quoted, cmd/go/internal/auth.
"""

from __future__ import annotations

import re

from modgate.client.causes import config
from modgate.client.findings import Finding, Impact
from modgate.client.machine.showing import safe
from modgate.errors import Invalid
from modgate.messages import Message

__all__ = ["FLAGS", "lint_goauth", "lint_goflags", "split_goflags"]

FLAGS = frozenset(
    """
    C a artifacts asan asmflags bench benchmem benchtime blockprofile blockprofilerate buildmode
    buildvcs c cache changed compat compiled compiler count cover covermode coverpkg coverprofile
    cpu cpuprofile d debug-actiongraph debug-runtime-trace debug-trace deps diff dropexclude
    dropgodebug dropignore dropreplace droprequire dropretract droptool dropuse e exclude exec
    export f failfast find fix fixtool fmt fullpath fuzz fuzzcache fuzzminimizetime fuzztime
    gccgoflags gcflags go godebug i ignore insecure installsuffix json ldflags linkshared list m
    memprofile memprofilerate mod modcache modcacherw modfile module msan mutexprofile
    mutexprofilefraction n o outputdir overlay p parallel pgo pkgdir print r race replace require
    retract retracted reuse run short shuffle skip t tags test testcache timeout tool toolchain
    toolexec trace trimpath u use v vendor versions vet vettool w work x
    """.split()  # noqa: SIM905  a table
)
"""Flags of the go command's commands, without their dash."""

_TYPOGRAPHIC = re.compile("[“”‘’–—－]")


def split_goflags(text: str) -> tuple[str, ...]:
    """The words as cmd/internal/quoted cuts them. Raises Invalid for a quotation mark that is not closed."""
    words: list[str] = []
    rest = text
    while rest := rest.lstrip(" \t\n\r"):
        if rest[0] in "\"'":
            end = rest.find(rest[0], 1)
            if end < 0:
                raise Invalid("unterminated quotation in GOFLAGS")
            words.append(rest[1:end])
            rest = rest[end + 1 :]
            continue
        match = re.match(r"[^ \t\n\r]+", rest)
        assert match is not None
        words.append(match[0])
        rest = rest[match.end() :]
    return tuple(words)


def lint_goflags(text: str, source: str | Message) -> tuple[Finding, ...]:
    """Findings about GOFLAGS; only the first word that go refuses is told, since go stops there."""
    try:
        words = split_goflags(text)
    except Invalid:
        return (_flags(text, Message("settings.flags.unterminated"), source),)
    for word in words:
        reason = _refused(word)
        if reason is not None:
            return (_flags(text, reason, source),)
    mode = [word.lstrip("-")[4:] for word in words if re.match(r"--?mod=", word)]
    if mode and mode[-1] == "vendor":
        values = {"value": "GOFLAGS=-mod=vendor", "source": source}
        return (Finding(config.MOD_VENDOR, values, impact=Impact.DEGRADES, subject="GOFLAGS"),)
    if mode and mode[-1] not in {"readonly", "mod", ""}:
        return (_flags(text, Message("settings.flags.mod-value", {"word": safe(mode[-1])}), source),)
    return ()


def _refused(word: str) -> Message | None:
    name = re.match(r"--?(?![-=])([^=]+)", word)
    if name is None:
        kind = "typographic" if _TYPOGRAPHIC.search(word) else "non-flag"
        return Message(f"settings.flags.{kind}", {"word": safe(word)})
    if name[1] in FLAGS:
        return None
    if _TYPOGRAPHIC.search(word) or name[1][0] in "\"'":
        return Message("settings.flags.typographic", {"word": safe(word)})
    return Message("settings.flags.unknown", {"word": safe(f"-{name[1]}")})


def lint_goauth(text: str, source: str | Message) -> tuple[Finding, ...]:
    """Findings about GOAUTH: what makes go give up at the first request that needs credentials."""
    commands = text.split(";")
    for command in commands:
        words = command.split()
        reason = ""
        if not words:
            reason = "empty"
        elif words[0] == "off" and len(commands) > 1:
            reason = "off-alone"
        elif words[0] == "git" and (len(words) != 2 or not re.match(r"/|[A-Za-z]:[\\/]|\\\\", words[1])):
            reason = "git-folder"
        if reason:
            why = Message(f"settings.auth.{reason}")
            values: dict[str, str | Message] = {"value": safe(text), "why": why, "source": source}
            return (Finding(config.AUTH_VALUE, values, impact=Impact.DEGRADES, subject="GOAUTH"),)
    return ()


def _flags(text: str, why: Message, source: str | Message) -> Finding:
    values: dict[str, str | Message] = {"value": safe(text), "why": why, "source": source}
    return Finding(config.FLAGS_VALUE, values, subject="GOFLAGS")
