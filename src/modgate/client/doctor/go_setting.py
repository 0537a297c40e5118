"""What the checks of single variables have in common: lint the value that counts, add the proof and the
repair.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.client.findings import Evidence, Impact
from modgate.client.machine.goenv_edit import repair_variable
from modgate.client.machine.lint import lint_setting, mended_value
from modgate.client.machine.settings import Layer
from modgate.client.machine.showing import safe, source_of
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.client.findings import Finding

__all__ = ["fact_of", "lint_variable", "with_proof"]


def fact_of(scene: Scene, name: str) -> tuple[Message, ...]:
    """The value that counts and where it stands, nothing where there is none."""
    setting = scene.go.settings.get(name)
    if setting is None or not setting.value.text:
        return ()
    source = source_of(name, setting.value)
    shown = safe(setting.value.text)
    return (Message("settings.is", {"name": name, "value": shown, "source": source}),)


def lint_variable(scene: Scene, name: str) -> tuple[Finding, ...]:
    """The findings about one variable's value, none where nobody set it."""
    setting = scene.go.settings.get(name)
    if setting is None or setting.value.layer is Layer.BUILT_IN:
        return ()
    text = setting.value.text
    if setting.value.layer is Layer.GOENV:
        # The check of the file tells about its line ends, once for all variables.
        text = text.removesuffix("\r")
    found = lint_setting(name, text, source_of(name, setting.value))
    return tuple(with_proof(scene, name, finding) for finding in found)


def with_proof(scene: Scene, name: str, finding: Finding) -> Finding:
    """The finding with the line or variable as its evidence, and the repair where one can be told."""
    setting = scene.go.settings[name]
    source = f"{setting.value.file}:{setting.value.line}" if setting.value.file else ""
    proof = Evidence(Message("settings.set"), raw=f"{name}={safe(setting.value.text)}", source=source)
    wanted = mended_value(name, setting.value.text)
    repair = finding.repair
    if repair is None and finding.impact >= Impact.RISK and wanted:
        repair = repair_variable(scene.host, scene.go, name, wanted)
    return replace(finding, evidence=(proof, *finding.evidence), repair=repair)
