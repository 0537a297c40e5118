"""The property list of a launchd agent (launchd.plist(5)).

It runs while its user is logged in, and again after a failure; a wrong configuration ends it each time, and
launchd waits `ThrottleInterval` seconds in between.
"""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING, Any

from modgate.client.service.plan import LABEL

if TYPE_CHECKING:
    from modgate.client.service.plan import Plan

__all__ = ["agent_text"]

_FILES = 65536


def agent_text(plan: Plan) -> str:
    """The whole file, as XML."""
    log = f"{plan.home}/Library/Logs/modgate.log"
    facts: dict[str, Any] = {
        "Label": LABEL,
        "ProgramArguments": list(plan.command),
        "EnvironmentVariables": dict(plan.environment),
        "WorkingDirectory": plan.home,
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 10,
        "ExitTimeOut": plan.stop_seconds,
        "ProcessType": "Interactive",
        "Umask": 0o077,
        "SoftResourceLimits": {"NumberOfFiles": _FILES},
        "HardResourceLimits": {"NumberOfFiles": _FILES},
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    return plistlib.dumps(facts, sort_keys=False).decode()
