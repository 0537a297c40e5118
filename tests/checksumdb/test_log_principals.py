"""A question to the log is asked with the rights of who asks, so it is shared with nobody of other rights."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Denied
from modgate.model.context import Context
from tests.checksumdb.logsetup import Company, Oracle
from tests.support.sources import settled

if TYPE_CHECKING:
    from modgate.gomod.types import ModuleVersion
    from modgate.model.checksums import Sums


@dataclass
class RightsOracle(Oracle):
    """Tells the sums to one of two who ask."""

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:
        found = await super().sums(ctx, version)
        if "ann" not in {ctx.principal, ctx.credential_scope}:
            raise Denied(f"{ctx.principal} may not read this module", where=version.path)
        return found


@pytest.mark.parametrize("what", ["principal", "credential_scope"])
async def test_a_lookup_that_is_refused_to_one_is_not_the_answer_of_another(what: str) -> None:
    company = Company(oracle=RightsOracle())
    company.oracle.gate.clear()
    rest = "lookup/corp.example/a@v1.0.0"
    contexts = [Context(**{what: name}) for name in ("bob", "ann", "ann")]  # type: ignore[arg-type]
    tasks = [asyncio.create_task(company.log.fetch(ctx, company.name, rest)) for ctx in contexts]
    await settled()
    company.oracle.gate.set()
    bob, ann, again = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(bob, Denied)
    assert not isinstance(ann, BaseException)
    assert again == ann
    assert company.oracle.asked["corp.example/a@v1.0.0"] == 2
    await company.log.close()
