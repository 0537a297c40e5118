"""Findings and chains for the tests of the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from modgate.client.causes import CAUSES
from modgate.client.doctor.verdict import Ground
from modgate.client.findings import Evidence, Finding, Impact, Severity
from modgate.gomod.proxylist import parse_proxy_list

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from modgate.client.findings import Cause

HOSTS = ("first.test", "second.test", "sum.test", "other.test")


def found(
    cause: Cause,
    host: str = "first.test",
    *,
    impact: Impact = Impact.BLOCKS,
    confidence: float = 1.0,
    subject: str | None = None,
    severity: Severity | None = None,
    **values: str,
) -> Finding:
    """A finding of this cause about a host, the other values filled."""
    filled = {name: values.get(name, host if name == "host" else f"some {name}") for name in cause.values}
    about = subject if subject is not None else host
    proof = (Evidence(raw=f"{cause.id} {about}"),)
    return Finding(cause, filled, impact, confidence, proof, about, severity=severity)


def ground(
    chain: str = "https://first.test,direct",
    *,
    sumdb_idle: bool | None = None,
    served: frozenset[str] = frozenset(),
) -> Ground:
    return Ground(parse_proxy_list(chain), "https://sum.test", sumdb_idle, served)


def findings() -> SearchStrategy[Finding]:
    """Any finding of any cause."""
    return st.builds(
        lambda cause, host, impact, confidence: found(cause, host, impact=impact, confidence=confidence),
        st.sampled_from(list(CAUSES.values())),
        st.sampled_from(HOSTS),
        st.sampled_from(list(Impact)),
        st.sampled_from([0.3, 0.5, 0.8, 1.0]),
    )


def grounds() -> SearchStrategy[Ground]:
    """Any chain of up to three proxies, and what is known of the database."""
    entry = st.sampled_from([f"https://{host}" for host in HOSTS[:2]])
    mark = st.sampled_from([",", "|"])
    end = st.sampled_from(["direct", "off", ""])
    texts = st.tuples(entry, mark, entry, mark, end).map(lambda parts: "".join(parts).rstrip(",|"))
    return st.builds(
        lambda chain, idle: ground(chain, sumdb_idle=idle), texts, st.sampled_from([None, True, False])
    )
