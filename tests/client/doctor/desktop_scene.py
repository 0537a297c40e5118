"""A scene around a recorded machine, for checks that use no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.doctor.scene import Scene
from modgate.client.findings import Finding, Severity
from modgate.client.machine.goenv import read_go_settings
from modgate.errors import Invalid
from modgate.gomod.proxylist import parse_proxy_list
from modgate.messages import Catalogue, Language

if TYPE_CHECKING:
    from modgate.client.doctor.check import Check, Result
    from modgate.client.machine.host import Host
    from modgate.client.net.prober import Prober

NOW = 1_800_000_000.0


class NoNetwork:
    """A prober that must not be asked."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the network was asked: {name}")


async def examined(check: Check, host: Host, *, offline: bool = False) -> Result:
    """What a check returns on this machine, everything in it said in both languages."""
    go = await read_go_settings(host)
    try:
        chain = parse_proxy_list(go["GOPROXY"])
    except Invalid:
        chain = ()
    net: Prober = NoNetwork()  # type: ignore[assignment]
    scene = Scene(host=host, go=go, net=net, clock=lambda: NOW, chain=chain, offline=offline)
    result = await check.run(scene)
    for language in Language:
        say = Catalogue(language).say
        for finding in result.findings:
            assert all(say(finding.message(name)) for name in ("title", "text", "fix"))
            assert all(say(proof.what) for proof in finding.evidence if proof.what)
        assert all(say(fact) for fact in result.facts)
        assert result.unknown is None or say(result.unknown)
    return result


def ids(result: Result) -> list[str]:
    """The causes found, in turn."""
    return [finding.cause.id for finding in result.findings]


def loud(result: Result) -> list[Finding]:
    """What a healthy machine must not have."""
    return [finding for finding in result.findings if finding.shown_severity is not Severity.NOTE]


def said(result: Result) -> str:
    """All facts in English, one a line."""
    say = Catalogue(Language.ENGLISH).say
    return "\n".join(say(fact) for fact in result.facts)


def text(finding: Finding) -> str:
    """What a colleague would say."""
    return Catalogue(Language.ENGLISH).say(finding.message("text"))
