"""Play one stage and print what came of it: `unshare -rnm python -m tests.lab.run STAGE`.

The last line on standard output is one JSON object: the stage, doctor's exit status and seconds, and its
document. Words after the stage are a command to run on the staged machine instead.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.lab import (
    faults_answers,
    faults_combined,
    faults_more,
    faults_network,
    health,
    health_combined,
    health_unusual,
    island,
)
from tests.lab.internet import Internet
from tests.lab.stages import STAGES

assert all((faults_answers, faults_combined, faults_more, faults_network))
assert all((health, health_combined, health_unusual, island))
_MOST_SECONDS = 40.0


async def play(name: str, command: list[str], folder: Path) -> dict[str, object]:
    """The result of a command (doctor by default) on the staged machine."""
    staged = STAGES[name]
    lab = Internet(folder, dt.datetime.fromtimestamp(time.time(), dt.UTC))
    staged.bend(lab)
    await lab.start()
    argv = command or [sys.executable, "-m", "modgate", "doctor", "--json", *staged.modules]
    began = time.monotonic()
    status, out, err = await lab.run(*argv, limit=_MOST_SECONDS)
    return {
        "stage": name,
        "status": status,
        "seconds": round(time.monotonic() - began, 2),
        "stdout": out.decode(errors="replace"),
        "stderr": err.decode(errors="replace"),
    }


def main() -> None:
    name, *command = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        # Connections that hang on purpose would keep the loop's ordinary end waiting.
        loop = asyncio.new_event_loop()
        result = loop.run_until_complete(play(name, command, Path(folder)))
        if command:
            sys.stdout.write(str(result["stdout"]))
            sys.stderr.write(str(result["stderr"]))
        else:
            print(json.dumps(result))
        sys.stdout.flush()
        sys.stderr.flush()
    status = result["status"] if command else 0
    os._exit(status if isinstance(status, int) and status >= 0 else 1)


if __name__ == "__main__":
    main()
