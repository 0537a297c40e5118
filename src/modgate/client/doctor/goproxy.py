"""GOPROXY: is it a list that go can read, and are its entries what somebody meant?

A folder of a file:// entry is looked for, since go only says "not found" where it is missing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from modgate.client.causes import config
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.go_setting import fact_of, lint_variable, with_proof
from modgate.client.findings import Finding, Impact
from modgate.client.machine.goproxy_words import split_list
from modgate.client.machine.host import System
from modgate.client.machine.lint import mended_goproxy
from modgate.client.machine.showing import safe, source_of
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.messages import Message

__all__ = ["CHECK"]


async def _run(scene: Scene) -> Result:
    setting = scene.go.settings.get("GOPROXY")
    text = scene.go["GOPROXY"]
    findings = [*lint_variable(scene, "GOPROXY")]
    if setting is not None:
        for item, _ in split_list(text):
            if item in {"direct", "off"}:
                break
            if _folder_is_missing(scene, item):
                values: dict[str, str | Message] = {}
                values |= {"value": safe(item), "source": source_of("GOPROXY", setting.value)}
                found = Finding(config.FOLDER_MISSING, values, impact=Impact.BLOCKS, subject="GOPROXY")
                findings.append(with_proof(scene, "GOPROXY", found))
    data: dict[str, object] = {"value": safe(text), "mended": safe(mended_goproxy(text)) if findings else ""}
    return Result(findings=tuple(findings), facts=fact_of(scene, "GOPROXY"), data=data)


def _folder_is_missing(scene: Scene, item: str) -> bool:
    match = re.fullmatch(r"file://(/[^?#]+)", item, re.IGNORECASE)
    if match is None:
        return False
    path = unquote(match[1])
    if scene.host.system is System.WINDOWS:
        path = path.removeprefix("/")
    try:
        return scene.host.status(scene.host.path(path)) is None
    except Unavailable:
        return False


CHECK = Check("goproxy", run=_run, network=False, groups=("CFG",))
