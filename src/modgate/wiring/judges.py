"""Who judges lock files on this machine: a gate that is asked, or files."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from modgate.client.gate.judges import GateJudge
from modgate.client.machine.goenv import read_go_settings
from modgate.transport.check import ask_gate
from modgate.transport.environment import Netrc
from modgate.wiring.client import clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from modgate.client.gate.local import LocalJudge
    from modgate.client.machine.host import Host
    from modgate.model.check import Checked

__all__ = ["gate_judge", "local_judge"]


async def gate_judge(host: Host, url: str | None, *, seconds: float) -> GateJudge:
    """The gate at this address, or the first in GOPROXY that judges. Raises Invalid for no chain."""

    async def ask(base: str, versions: Sequence[str], authorization: str) -> Checked:
        return await ask_gate(base, versions, authorization=authorization, seconds=seconds)

    chain = url or (await read_go_settings(host))["GOPROXY"]
    return GateJudge(chain or "off", ask, Netrc().authorization)


@asynccontextmanager
async def local_judge(
    host: Host, policy: Path | None, db: str | None, *, fail_on: str, consumer: str
) -> AsyncIterator[LocalJudge]:
    """Files that judge. Raises Invalid for a policy or a database that is none, Unavailable."""
    from modgate.client.gate.local import LocalJudge, by_severity  # noqa: PLC0415  not to ask a gate
    from modgate.wiring.advisory_source import open_known  # noqa: PLC0415
    from modgate.wiring.policyfile import read_policy_file  # noqa: PLC0415

    names: list[str] = []
    if policy is None:
        rules = by_severity(fail_on)
    else:
        rules = read_policy_file(policy)
        names.append(str(policy))
    async with AsyncExitStack() as stack:
        about = None
        if db is not None or "hits" in rules.needs:
            known = await stack.enter_async_context(open_known(host, db))
            names.append(known.name)
            about = known.about
        yield LocalJudge(rules, about, name=", ".join(names), consumer=consumer, now=clock())
