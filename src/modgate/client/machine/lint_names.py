"""Names that look like a variable of go's and are none.

go ignores what it does not know, so `GOPROXYS` or `GO_PROXY` changes nothing and nobody says so. Other
programs have variables that begin with GO as well: only a name that is nearly one of go's own counts, and
only while the right one is not set.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.causes import config
from modgate.client.findings import Finding, Impact
from modgate.client.machine.golayers import COMPUTED, KNOWN
from modgate.client.machine.showing import safe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modgate.messages import Message

__all__ = ["intended_variable", "lint_names"]

_MEANT = tuple(name for name in KNOWN if name.startswith("GO") and "_" not in name)
_OTHERS = frozenset(
    """
    GOCOVERDIR GOGC GOMAXPROCS GOMEMLIMIT GOTRACEBACK GOROOT_FINAL GOROOT_BOOTSTRAP GOFILE GOLINE
    GOPACKAGE GOPACKAGESDRIVER GOPACKAGESDEBUG GO_ENV GO_VERSION GO_FLAGS GO_BUILD_FLAGS GO_LDFLAGS
    GO_BIN GO_ROOT GO_HOME GO_OS GO_ARCH GO_CACHE GO_DEBUG GOSSAFUNC GOSSAHASH GO15VENDOREXPERIMENT
    GO_GCFLAGS GO_BINARY GOTMP GORACE GOHOME GOTIP
    """.split()  # noqa: SIM905  a table
)
_FAMILIES = ("GOOGLE", "GOPLS", "GOLANG", "GOLAND", "GORELEASER", "GOSU_", "GOTEST", "GO_TEST", "GOMPLATE")
_WITH_UNDERSCORE = frozenset(
    {"GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE", "GOMODCACHE"}
    | {"GOTOOLCHAIN", "GO111MODULE", "GOPATH", "GOAUTH"}
)
_DECORATION = re.compile(r"\A\s*(?:export\s+|set\s+|setx\s+|\$env:|\$\{?)?|[\s}:]+\Z", re.IGNORECASE)


def intended_variable(name: str) -> str:
    """The variable of go's that this name was probably meant to be.

    Empty where it is one, where it belongs to another program, and where nothing is near.
    """
    if name in KNOWN or name in COMPUTED or name in _OTHERS or name.startswith(_FAMILIES):
        return ""
    bare = _DECORATION.sub("", name)
    if bare != name and bare in KNOWN:
        return bare
    if name[:2].upper() != "GO":
        return ""
    if name.upper() in _MEANT:
        return name.upper()
    joined = name.upper().replace("_", "").replace("-", "")
    if joined != name.upper():
        return joined if joined in _WITH_UNDERSCORE else ""
    # A name of four or five letters is near to too many words.
    long = [known for known in _MEANT if len(known) > 5]
    near = [known for known in long if _distance(joined, known) <= (1 if len(known) < 8 else 2)]
    return near[0] if len(near) == 1 else ""


def lint_names(names: Iterable[tuple[str, str | Message]], also: Iterable[str] = ()) -> tuple[Finding, ...]:
    """Findings about names, each with its source. `also` are further names that are set, which excuse a
    look-alike.
    """
    given = list(names)
    there = {name for name, _ in given} | set(also)
    found: list[Finding] = []
    for name, source in given:
        right = intended_variable(name)
        if right and right not in there:
            values = {"variable": safe(name), "right": right, "source": source}
            found.append(
                Finding(config.UNKNOWN_VARIABLE, values, impact=Impact.DEGRADES, confidence=0.8, subject=name)
            )
    return tuple(found)


def _distance(one: str, other: str) -> int:
    """Edits from one to the other; two letters exchanged count as one edit. Stops at 3."""
    if abs(len(one) - len(other)) > 2:
        return 3
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
