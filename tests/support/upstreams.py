"""The test's handle on a fault upstream: a process that serves a folder and breaks on command."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

__all__ = ["REPOSITORY", "FaultUpstream", "PathCount"]

REPOSITORY = Path(__file__).resolve().parents[2]
PathCount = tuple[int, int, int]
"""GET requests, HEAD requests, body bytes that left."""


class FaultUpstream:
    """`with FaultUpstream(folder) as upstream:` serves the folder at `upstream.url`.

    `kill` ends it as an outage would; `fault` and `heal` bend single paths.
    """

    def __init__(self, root: Path, *, certificate: tuple[Path, Path] | None = None) -> None:
        command = [sys.executable, "-m", "tests.support.fault_upstream", str(root)]
        if certificate is not None:
            command += ["--cert", str(certificate[0]), "--key", str(certificate[1])]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.url: str = ready["url"]
        self.tls: str | None = ready["tls"]
        self._control: str = ready["control"]

    def _ask(self, what: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self._control + what, data), timeout=20) as answer:
            return json.load(answer)

    def fault(self, name: str, pattern: str = "*", **arguments: Any) -> None:
        """From now on, paths that match `pattern` (fnmatch) break in this way.

        `share=0.01, seed=1` breaks one request in a hundred.
        """
        self._ask("/fault", {"fault": name, "pattern": pattern, **arguments})

    def heal(self, pattern: str | None = None) -> None:
        """Take back the rules of one pattern, or all; listen again where the port was closed."""
        self._ask("/heal", {} if pattern is None else {"pattern": pattern})

    def reset(self) -> None:
        """Count from zero."""
        self._ask("/reset", {})

    def counts(self) -> dict[str, PathCount]:
        """What every path has cost since the last `reset`."""
        return {path: (a, b, c) for path, (a, b, c) in self._ask("/count").items()}

    def broken(self) -> dict[str, int]:
        """How many GETs of each path a fault with a `share` has broken since the last `reset`."""
        return dict(self._ask("/broken"))

    def gets(self, path: str) -> int:
        """How often one path was fetched."""
        return self.counts().get(path, (0, 0, 0))[0]

    def total(self) -> int:
        """All requests of all paths."""
        return sum(gets + heads for gets, heads, _ in self.counts().values())

    def kill(self) -> None:
        """End the process; a second time does nothing."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
