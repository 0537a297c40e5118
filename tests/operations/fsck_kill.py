"""`python -m tests.operations.fsck_kill CONFIG STAGE`: a repair, killed when the store reaches a stage.

Without a stage it runs to its end. The stages are those of `storage.tree` and `storage.leaving`.
"""

from __future__ import annotations

import os
import signal
import sys

from modgate.cli import main
from modgate.storage.disk import DiskStore


def _run(config: str, stage: str) -> int:
    def reached(name: str) -> None:
        if name == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    # The gate opens its store itself, and no configuration is meant for this.
    DiskStore.open.__func__.__kwdefaults__["stages"] = reached  # type: ignore[attr-defined]
    return main(["fsck", "--repair", "--config", config])


if __name__ == "__main__":
    sys.exit(_run(*sys.argv[1:]))
