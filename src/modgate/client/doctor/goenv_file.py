"""The GOENV file itself: line ends, a byte order mark, UTF-16, quotation marks, rights, lines that go skips.

go trims nothing and complains about nothing in this file, so each of these looks like a setting that has
"no effect". The repair rewrites the bytes that are wrong and no others. Rules: cmd/go/internal/cfg
(readEnvFile).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.causes import config
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact, Severity
from modgate.client.machine.goenv_edit import with_value
from modgate.client.machine.golayers import parse_env_file
from modgate.client.machine.goproxy_words import QUOTES
from modgate.client.machine.lint import intended_variable
from modgate.client.machine.showing import safe
from modgate.client.repair.plan import FileEdit, Repair
from modgate.errors import Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.golayers import EnvLine

__all__ = ["CHECK"]

_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# go takes spaces off their ends itself.
_TRIMMED = frozenset({"GOPROXY", "GOFLAGS", "GOAUTH"})
_FATAL = frozenset({"GO111MODULE", "GOTOOLCHAIN", "GOSUMDB", "GOPATH", "GOROOT"})
_FOLDERS = frozenset({"GOMODCACHE", "GOCACHE", "GOPATH", "GOBIN", "GOTMPDIR", "GOROOT"})


async def _run(scene: Scene) -> Result:
    file = scene.go.goenv_file
    if not file:
        return Result(facts=(Message("settings.goenv.off"),))
    try:
        data = scene.host.read(scene.host.path(file))
    except Unavailable as error:
        values = {"path": file, "why": error.what}
        repair = Repair(commands=(f"ls -l '{file}'",))
        return Result(
            findings=(
                Finding(config.FILE_UNREADABLE, values, impact=Impact.RISK, subject=file, repair=repair),
            )
        )
    if data is None:
        return Result(facts=(Message("settings.goenv.none", {"path": file}),))
    findings = [
        finding
        for look in (_encoding, _line_ends, _quotes, _skipped)
        if (finding := look(file, data)) is not None
    ]
    return Result(findings=tuple(findings), facts=(Message("settings.goenv.read", {"path": file}),))


def _repair(file: str, before: bytes) -> Repair | None:
    """All that is wrong with the bytes at once: two edits of one file would be in each other's way."""
    try:
        after = before.decode("utf-16").encode() if before.startswith(_UTF16) else before.removeprefix(_BOM)
    except UnicodeDecodeError:
        return None
    after = after.replace(b"\r\n", b"\n").removesuffix(b"\r")
    for line in parse_env_file(after):
        if _is_quoted(line):
            after = with_value(after, line.line, line.key, line.text[1:-1])
    return Repair(edits=(FileEdit(Path(file), before, after),))


def _is_quoted(line: EnvLine) -> bool:
    text = line.text.removesuffix("\r")
    return line.key in _FOLDERS and len(text) > 1 and text[0] in QUOTES and text[-1] in QUOTES


def _encoding(file: str, data: bytes) -> Finding | None:
    if data.startswith(_UTF16):
        return Finding(config.FILE_UTF16, {"path": file}, subject=file, repair=_repair(file, data))
    if not data.startswith(_BOM):
        return None
    first = data[3:].partition(b"\n")[0].partition(b"=")[0].decode(errors="replace")
    values = {"path": file, "variable": safe(first)}
    proof = Evidence(raw=safe(f"EF BB BF {first}=…"), source=f"{file}:1")
    return Finding(config.FILE_BOM, values, evidence=(proof,), subject=file, repair=_repair(file, data))


def _line_ends(file: str, data: bytes) -> Finding | None:
    lines = [line for line in parse_env_file(data.removeprefix(_BOM)) if line.text.endswith("\r")]
    if not lines:
        return None
    harmed = [line for line in lines if not _unharmed(line)]
    worst = next((line for line in harmed if line.key in _FATAL), (harmed or lines)[0])
    impact = Impact.BLOCKS if worst.key in _FATAL else Impact.DEGRADES
    return Finding(
        config.FILE_CRLF,
        {"path": file, "variable": safe(worst.key)},
        impact=impact if harmed else Impact.NOTE,
        evidence=(
            Evidence(raw=safe(f"{worst.key}={worst.text[:-1]}") + "\\r", source=f"{file}:{worst.line}"),
        ),
        subject=file,
        repair=_repair(file, data),
        severity=None if harmed else Severity.NOTE,
    )


def _unharmed(line: EnvLine) -> bool:
    text = line.text.removesuffix("\r")
    return line.key in _TRIMMED or not text or (line.key == "GOSUMDB" and text.startswith("sum.golang.org"))


def _quotes(file: str, data: bytes) -> Finding | None:
    """Only folders: the other variables' own checks look at their values."""
    for line in parse_env_file(data):
        if _is_quoted(line):
            text = safe(line.text.removesuffix("\r"))
            values = {"variable": line.key, "value": text, "source": f"{file}:{line.line}"}
            return Finding(config.QUOTES, values, subject=line.key, repair=_repair(file, data))
    return None


def _skipped(file: str, data: bytes) -> Finding | None:
    """A line that looks like an assignment and is none for go: `export GOPROXY=…`, a space before it."""
    for number, line in enumerate(data.removeprefix(_BOM).decode(errors="replace").split("\n"), 1):
        key, mark, _ = line.partition("=")
        if not mark or re.match(r"[A-Z#]", key):
            continue
        right = intended_variable(key) or (key.strip() if intended_variable(f"export {key.strip()}") else "")
        if right:
            values = {"variable": safe(key) if key.strip() != right else f'"{safe(key)}"', "right": right}
            return Finding(
                config.UNKNOWN_VARIABLE,
                {**values, "source": f"{file}:{number}"},
                impact=Impact.DEGRADES,
                subject=file,
            )
    return None


CHECK = Check("goenv-file", run=_run, network=False, groups=("CFG",))
