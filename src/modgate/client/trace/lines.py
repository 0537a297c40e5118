"""What of go's standard error belongs to the trace, and what to the person.

`-x` makes a building command print the shell script of the whole build. Who typed `modgate trace -- go build`
did not ask for that: where the flag was added by us its lines are taken away again, and everything that go
would have printed anyway is passed on untouched. A line that is not known for certain is passed on.
Source: cmd/go/internal/work/shell.go (ShowCmd), cmd/go/internal/web/http.go, net/conf.go.
"""

from __future__ import annotations

import re
from enum import Enum

__all__ = ["Kind", "Sorter"]


class Kind(Enum):
    """Whose a line is."""

    TRACE = "trace"
    SCRIPT = "script"
    PERSON = "person"


_TRACE = re.compile(r"# get \S|go package net: |\d{4}/\d\d/\d\d \d\d:\d\d:\d\d http2: ")
_SCRIPT = re.compile(
    r"WORK=\S*go-build\d+$"
    r"|.* # internal$"
    r"|\$WORK/\S"
    r"|(?:GOROOT='[^']*' |TERM='dumb' )?\S*/pkg/tool/\S+ "
    r"|(?:mkdir -p|cp|mv|rm -f|rm -rf|rm|ln -s|echo|printf|touch|chmod|gcc|clang|pack) .*(?:\$WORK|go-build)"
    r"|(?:cp|mv|rm -f) \S+ \S+$"
    r"|cd (?:/\S*|[A-Z]:\\\S*|\.|\$\S+)$"
    r"|mkdir -p \S+(?: # git\d* \S+)?$"
)
_HEREDOC = re.compile(r"cat >\S+ <<\s*'?EOF'?")
_GIT = re.compile(r"(?:cd \S+; )?(?:git|hg|svn|fossil|bzr)(?: -c \S+)* \S+|# lock \S|\S+s # cd \S")


class Sorter:
    """Sorts the lines of one command, in order; a here-document spans several."""

    def __init__(self, *, ours: bool) -> None:
        self._ours = ours
        self._in_document = False

    def kind(self, line: str) -> Kind:
        """Whose this line is (without its line end)."""
        if self._in_document:
            self._in_document = line != "EOF"
            return Kind.SCRIPT
        if _TRACE.match(line):
            return Kind.TRACE if self._ours or not line.startswith("# get ") else Kind.PERSON
        if not self._ours:
            return Kind.PERSON
        if _HEREDOC.match(line):
            self._in_document = True
            return Kind.SCRIPT
        return Kind.SCRIPT if _SCRIPT.match(line) or _GIT.match(line) else Kind.PERSON
