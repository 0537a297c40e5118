"""`modgate use` that kills itself at one step: run by the kill tests.

`python killed.py STEP FOLDER WORDS…` runs the command; at the STEP-th call of the system on a file below
FOLDER that Python lets one see (from 0; -1 for never) it sends itself SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys

from modgate.cli import main

_SEEN = frozenset({"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"})


def run(step: int, folder: str, words: list[str]) -> int:
    count = 0

    def audit(event: str, args: tuple[object, ...]) -> None:
        nonlocal count
        if event in _SEEN and any(str(arg).startswith(folder) for arg in args):
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1

    sys.addaudithook(audit)
    status = main(words)
    print(f"steps {count}", file=sys.stderr)
    return status


sys.exit(run(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
