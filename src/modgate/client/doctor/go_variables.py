"""Go's variables as a whole: values that another one hides, names that go does not know, and the two
variables that have no check of their own (GO111MODULE, GOAUTH).

`go env -w` followed by nothing is the commonest complaint: an OS variable wins over the GOENV file. Only the
variables that decide about downloads count, and only where the two values differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import config
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.go_setting import lint_variable
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.host import System
from modgate.client.machine.lint import lint_names
from modgate.client.machine.settings import Layer
from modgate.client.machine.showing import safe, source_of
from modgate.client.repair.plan import Repair
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.settings import Setting

__all__ = ["CHECK"]

_DECIDING = (
    *("GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE", "GOFLAGS", "GOTOOLCHAIN"),
    *("GOMODCACHE", "GOPATH", "GO111MODULE", "GOAUTH"),
)


async def _run(scene: Scene) -> Result:
    findings = [*lint_variable(scene, "GO111MODULE"), *lint_variable(scene, "GOAUTH")]
    for name in _DECIDING:
        setting = scene.go.settings.get(name)
        if setting is not None:
            findings.extend(_shadowed(scene, setting))
    findings.extend(_unknown(scene))
    changed = [name for name in _DECIDING if _is_set(scene, name)]
    facts = (Message("settings.changed", {"names": ", ".join(changed)}),) if changed else ()
    return Result(findings=tuple(findings), facts=facts)


def _is_set(scene: Scene, name: str) -> bool:
    setting = scene.go.settings.get(name)
    return setting is not None and setting.value.layer in {Layer.OS, Layer.GOENV}


def _shadowed(scene: Scene, setting: Setting) -> tuple[Finding, ...]:
    stated = next((value for value in setting.hidden if value.layer is Layer.GOENV), None)
    if setting.value.layer is not Layer.OS or stated is None or stated.text == setting.value.text:
        return ()
    windows = scene.host.system is System.WINDOWS
    command = f"Remove-Item Env:{setting.name}" if windows else f"unset {setting.name}"
    values: dict[str, str | Message] = {
        "variable": setting.name,
        "value": safe(setting.value.text),
        "source": source_of(setting.name, setting.value),
        "shadowed": safe(stated.text) or '""',
        "shadowed_source": stated.source,
    }
    proof = Evidence(raw=f"{setting.name}={safe(stated.text)}", source=stated.source)
    return (
        Finding(
            config.SHADOWED,
            values,
            impact=Impact.RISK,
            evidence=(proof,),
            subject=setting.name,
            repair=Repair(commands=(command,)),
        ),
    )


def _unknown(scene: Scene) -> tuple[Finding, ...]:
    host, go = scene.host, scene.go
    names: list[tuple[str, str | Message]] = [
        (name, Message("settings.source.variable", {"name": name}))
        for name, text in sorted(host.environ.items())
        if text
    ]
    for setting in go.settings.values():
        stated = [value for value in (setting.value, *setting.hidden) if value.layer is Layer.GOENV]
        names.extend((setting.name, source_of(setting.name, value)) for value in stated[:1])
    also = [name for name in go.settings if _is_set(scene, name)]
    return lint_names(dict(names).items(), also)


CHECK = Check("go-variables", run=_run, network=False, groups=("CFG",))
