"""A process that changes files through the journal and kills itself at one step: run by the kill tests.

`python changer.py STATE FOLDER STEP` edits the files of FOLDER named in `edits.json`; at the STEP-th step
(from 0; -1 for never) it sends itself SIGKILL. The steps are those of the journal and, between them, every
call of the system that can be seen from Python (an audit hook), so that each moment is met.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from modgate.client.repair.apply import apply, undo
from modgate.client.repair.journal import Journal
from modgate.client.repair.plan import FileEdit


def main() -> None:
    state, folder, step, undoing = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    count = 0

    def tick(*_: object) -> None:
        nonlocal count
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    def audit(event: str, args: tuple[object, ...]) -> None:
        if event in {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"} and any(
            str(arg).startswith((str(state), str(folder))) for arg in args
        ):
            tick()

    journal = Journal(state, clock=lambda: 1e9, token=lambda: os.urandom(3).hex(), steps=tick)
    edits = [
        FileEdit(folder / name, None if old is None else old.encode(), None if new is None else new.encode())
        for name, (old, new) in json.loads((folder / "edits.json").read_text()).items()
    ]
    sys.addaudithook(audit)
    if undoing:
        undo(undoing, journal)
    else:
        print(apply(edits, "test", journal))
    print(f"steps {count}", file=sys.stderr)


main()
