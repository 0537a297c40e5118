"""HTTP_PROXY, HTTPS_PROXY, NO_PROXY, ALL_PROXY: in a form that go understands, and alike in both spellings.

go takes the upper-case variable first, curl the lower-case one, so two values that differ make one program
work and the other fail. Nothing is tried here; whether the proxy answers is another check's question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import proxy
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.host import System
from modgate.client.machine.lint import lint_proxy_variable
from modgate.client.machine.showing import safe
from modgate.client.net.way import variable
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene

__all__ = ["CHECK"]

_LIKELY = 0.75
"""That go should have used it is what its being there suggests; nobody has tried it."""

_NAMES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


async def _run(scene: Scene) -> Result:
    environ = scene.host.environ
    findings: list[Finding] = []
    facts: list[Message] = []
    for upper in _NAMES:
        lower = upper.lower()
        name = upper if environ.get(upper) else lower
        text = environ.get(name, "")
        if not text:
            continue
        source = Message("settings.source.variable", {"name": name})
        facts.append(Message("settings.is", {"name": name, "value": safe(text), "source": source}))
        findings.extend(lint_proxy_variable(name, text, source))
        other = environ.get(lower, "")
        if scene.host.system is not System.WINDOWS and other and other != text:
            findings.append(_differ(upper, text, lower, other))
    name, plain = variable(environ, "http_proxy")
    if plain and not variable(environ, "https_proxy")[1]:
        alone = {"variable": name, "proxy": safe(plain)}
        findings.append(Finding(proxy.HTTP_ALONE, alone, Impact.RISK, _LIKELY, subject=name))
    only = environ.get("ALL_PROXY") or environ.get("all_proxy")
    if only and not any(environ.get(name) or environ.get(name.lower()) for name in _NAMES[:2]):
        values = {"value": safe(only)}
        findings.append(Finding(proxy.ALL_PROXY_IGNORED, values, Impact.RISK, _LIKELY, subject="ALL_PROXY"))
    return Result(findings=tuple(findings), facts=tuple(facts))


def _differ(upper: str, text: str, lower: str, other: str) -> Finding:
    first, second = f"{upper}={safe(text)}", f"{lower}={safe(other)}"
    proofs = (Evidence(raw=first), Evidence(raw=second))
    values = {"upper": upper, "lower": lower}
    return Finding(proxy.CASE_DIFFERS, values, impact=Impact.RISK, evidence=proofs, subject=upper)


CHECK = Check("proxy-variables", run=_run, network=False, groups=("PRX", "CFG"))
