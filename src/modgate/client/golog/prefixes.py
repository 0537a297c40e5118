"""What stands before the words on a line: colours, clocks, and the names of steps that CI systems write.

Only what is certain not to be go's is taken off: times, the step numbers of docker buildkit, the service
names of docker compose, the levels of VS Code's output channels. Indentation behind it is kept, since go
indents the continuation of an error.
"""

from __future__ import annotations

import re

__all__ = ["bare", "clock", "shortened"]

_HEAD = 6000
_TAIL = 2000

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_DATE = r"\d{4}[-/]\d\d[-/]\d\d[T ]"
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_LEVEL = r"[ \t]+\[(?:trace|debug|info|warning|warn|error|fatal)\](?=[ ])"
_PREFIXES = re.compile(
    "|".join(
        (
            # GitHub Actions, GitLab, Azure, VS Code's log channels: 2026-11-23T10:00:00.1234567Z
            rf"\[?{_DATE}{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?\]?(?:{_LEVEL})?[ ]?",
            # LSP clients: [Error - 10:11:12 AM], [Trace - 07:13:56.214 AM]
            rf"\[(?:Trace|Info|Warn|Error|Debug)[ ]*- {_CLOCK}(?: ?[AP]M)?\] ?",
            # A bare clock, in brackets or not: [10:11:12], 10:11:12.123
            rf"\[{_CLOCK}\][ ]?",
            rf"{_CLOCK}[ ](?=\S)",
            # docker buildkit: #12 3.456
            r"#\d+ \d+\.\d+ ",
            # docker compose: api-1  |
            r"[\w.-]+(?: {1,8})\| ",
            # GitLab: 00O  and 01E  behind its clock
            r"\d\d[OE][ +]",
            # Jenkins, act: [build/test]  |
            r"\[[\w ./-]{1,60}\] {1,4}[|>❯] {0,4}",
            # GitHub's own marks
            r"##\[(?:error|warning|debug|group|command)\]|::(?:error|warning|debug)(?: [^:]*)?::",
            # journald: Nov 23 10:11:12 host unit[1]:
            r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [\w.@-]+(?:\[\d+\])?: ",
        )
    )
)
_MAY_HAVE = frozenset("[0123456789#:ABCDEFGHIJKLMNOPQRSTUVWXYZ")


_WHEN = re.compile(
    r"\[?(?:(?:Trace|Info|Warn|Error|Debug)[ ]*- )?(?:\d{4}[-/]\d\d[-/](?P<day>\d\d)[T ])?"
    r"(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d(?:\.\d{1,9})?)"
)
_STEP = re.compile(r"#\d+ (?P<s>\d+\.\d+) ")


def clock(line: str) -> float | None:
    """The seconds of the clock in front of a line, since any moment; None where there is none.

    Months are not looked at: logs of a download do not last that long.
    """
    if found := _STEP.match(line):
        return float(found["s"])
    found = _WHEN.match(line)
    if found is None:
        return None
    days = int(found["day"] or 0)
    return ((days * 24 + int(found["h"])) * 60 + int(found["m"])) * 60 + float(found["s"])


def shortened(text: str) -> str:
    """A very long text without its middle: go wraps outside in, so begin and end say what happened."""
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]} … {text[-_TAIL:]}"


def bare(line: str) -> str:
    """The line without colours, CI prefixes and clocks; what is left is as the program wrote it."""
    if "\x1b" in line:
        line = _ESCAPE.sub("", line)
    if "\ufeff" in line:
        line = line.replace("\ufeff", "")
    for _ in range(4):
        if not (line[:1] in _MAY_HAVE or "| " in line[:40]):
            break
        found = _PREFIXES.match(line)
        if found is None or found.end() == 0:
            break
        line = line[found.end() :]
    return line.rstrip()
