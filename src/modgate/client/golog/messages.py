"""Where a message of go's begins, and which lines belong to it.

go indents the lines that continue an error. Anything else may stand between: other programs' output, requests
of `-x`, blank lines. Only what go itself can have written is looked at: an application's own `dial tcp …:
connection refused` in the same log is none of our business.
"""

# ruff: noqa: E501  texts of other programs stand on a line each

from __future__ import annotations

import json
import re

from modgate.client.golog.git import is_git_line

__all__ = ["begin", "continues", "is_progress", "stopped"]

_PROGRESS = re.compile(
    r"go: (?:downloading|finding|extracting|added|upgraded|downgraded|removed|found|creating new|to add|to switch|updating"
    r"|switching to go1|trying|sorting|matched|writing|copying|warning: ignoring|unlinking)\b"
)
_BEGIN = re.compile(
    r"go: (?=\S)|verifying \S+@|GOAUTH encountered|This download does NOT match|go (?:get|list|mod|install|build|test|vet|run|work|env)\b[^:]{0,200}: |"
    r"package \S+: |build \S+: |module \S+: |pattern \S+: |malformed go\.sum:|flag provided but not defined: |-mod=\S+ not supported|\S+@v\S+: |unzip \S+: |zip: |error loading module requirements|\$GOPATH/go\.mod"
)
_IN_CODE = re.compile(r"\S+\.go:\d+(?::\d+)?: ")
_MODULEISH = re.compile(
    r"Get \"|reading https?:|@v\d|no required module|cannot find (?:module|package)|missing go\.sum|import lookup disabled"
    r"|unrecognized import path|ambiguous import|is not in (?:std|GOROOT)|module lookup disabled"
)
_INSIDE = re.compile(
    r"(?:^|[\s\"'>(\[:|])(?P<go>go: (?:[\w.~-]+(?:/[\w.~!-]+)*@\S+(?: requires)?:? |[a-z$].*(?:Get \"|@v\d|GO[A-Z]+|go\.mod|go\.sum)))"
)
_JSON_ERROR = re.compile(r'\s*"(?:Error|Err)": (?P<text>"(?:[^"\\]|\\.)*"),?\s*')
_FILE_LINE = re.compile(r"\S*go\.(?:mod|work|sum):\d+(?::\d+)?: ")
_STOPPED = re.compile(
    r"\s*(?:\^C|signal: (?:interrupt|killed|terminated)|Terminated|Killed|exit status (?:130|143))"
    r"|.*(?:exit code (?:130|137|143)\b|operation was cancell?ed|has exceeded the maximum execution time|context cancell?ed|job (?:was cancell?ed|timed out)"
    r"|interrupted by user|Execution took longer than)",
    re.IGNORECASE,
)


def begin(line: str) -> list[str]:
    """The first lines of a message of go's or git's that begins here; empty where none does."""
    if line.startswith("go: "):
        return [] if is_progress(line) else [line]
    if found := _JSON_ERROR.fullmatch(line):
        try:
            return str(json.loads(found["text"])).split("\n")
        except ValueError:
            return []
    if _BEGIN.match(line) or is_git_line(line):
        return [line]
    if _IN_CODE.match(line):
        return [line] if _MODULEISH.search(line) else []
    if "go: " in line and (inside := _INSIDE.search(line)):
        return [line[inside.start("go") :]]
    if "unrecognized import path" in line:
        return [line]
    return [line] if "/@v/" in line and ('Get "' in line or "reading http" in line) else []


def continues(line: str) -> bool:
    """Whether the line goes on with the message before it."""
    if line[:1] in {"\t", " "}:
        return bool(line.strip())
    return line.startswith(("server response:", "SECURITY ERROR")) or _FILE_LINE.match(line) is not None


def is_progress(line: str) -> bool:
    """Whether go only tells what it does."""
    return _PROGRESS.match(line) is not None and "dial tcp" not in line and 'Get "' not in line


def stopped(line: str) -> bool:
    """Whether somebody stopped the command here: Ctrl-C, a time limit of CI."""
    return _STOPPED.match(line) is not None
