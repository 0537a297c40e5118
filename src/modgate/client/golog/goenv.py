"""Values of go's variables that a log shows: `go env`, `go env -json`, `go env -changed`, `set X=Y`.

The values are judged by the same rules as those of a machine. A carriage return inside of a value ends the
line in the log: it is found by the quote that is not closed. Source: cmd/go/internal/envcmd/env.go.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from modgate.client.causes import config
from modgate.client.findings import Impact
from modgate.client.golog.making import find
from modgate.client.machine.lint import lint_setting

if TYPE_CHECKING:
    from modgate.client.findings import Finding

__all__ = ["EnvSeen"]

_NAMES = "|".join(
    (
        *(
            "GOPROXY",
            "GOSUMDB",
            "GOPRIVATE",
            "GONOPROXY",
            "GONOSUMDB",
            "GOINSECURE",
            "GOFLAGS",
            "GOTOOLCHAIN",
        ),
        *("GO111MODULE", "GOAUTH", "GOENV", "GOVCS", "GOMODCACHE"),
    )
)
_SHELL = re.compile(rf"(?:export |set |\$env:)?(?P<name>{_NAMES})=(?P<value>.*)", re.DOTALL)
_JSON = re.compile(rf'\s*"(?P<name>{_NAMES})": (?P<value>"(?:[^"\\]|\\.)*"),?')


class EnvSeen:
    """The variables that a log shows."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[str, int, str]] = {}
        self._torn: tuple[str, str, int] | None = None

    def line(self, line: str, number: int) -> bool:
        """Take a line; whether it was one of `go env`."""
        if self._torn is not None:
            name, value, at = self._torn
            self._torn = None
            if line in {"'", '"'}:
                self.values[name] = (f"{value}\r", at, f"{name}={value}\\r")
                return True
        if "GO" not in line[:24]:
            return False
        if found := _JSON.fullmatch(line):
            try:
                value = str(json.loads(found["value"]))
            except ValueError:
                return False
            self.values[found["name"]] = (value, number, line.strip())
            return True
        if found := _SHELL.fullmatch(line):
            self._shell(found["name"], found["value"], number, line)
            return True
        return False

    def findings(self, source: str) -> list[tuple[Finding, int, str]]:
        """What is wrong with the values: finding, line and the line itself, the worst first."""
        found: list[tuple[Finding, int, str]] = []
        for name, (value, number, raw) in self.values.items():
            where = f"{source}:{number}"
            if value.endswith("\r"):
                path = self.values.get("GOENV", ("", 0, ""))[0].rstrip("\r") or "$(go env GOENV)"
                crlf = find(config.FILE_CRLF, source=where, subject="GOENV", path=path, variable=name)
                found.append((crlf, number, raw))
                continue
            if name == "GOPROXY" and value == "off":
                found.append((find(config.PROXY_OFF, source=where, subject="GOPROXY"), number, raw))
            found.extend(
                (finding, number, raw)
                for finding in lint_setting(name, value, where)
                if finding.impact >= Impact.RISK
            )
        return sorted(found, key=lambda item: -item[0].impact)

    def _shell(self, name: str, value: str, number: int, line: str) -> None:
        value = value.strip()
        value = value.removeprefix("$") if value.startswith(("$'", '$"')) else value
        quote = value[:1]
        if quote in {"'", '"'} and len(value) > 1 and not value.endswith(quote):
            self._torn = (name, value[1:], number)
            return
        if quote in {"'", '"'} and value.endswith(quote) and len(value) > 1:
            value = value[1:-1]
        self.values[name] = (value.replace("\\r", "\r"), number, line.strip())
