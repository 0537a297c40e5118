"""Who judges: a gate, which knows its policy and who asks; or this machine, by files.

A gate is asked at each proxy of the chain in turn, as go would ask it, until one answers that judges
versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from modgate.errors import Absent, Invalid, ModgateError, Unavailable
from modgate.gomod.proxylist import EntryKind, parse_proxy_list, redacted
from modgate.model.check import MAX_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from modgate.model.check import Checked, Judged

    Ask = Callable[[str, Sequence[str], str], Awaitable[Checked]]
    """(address, `module@version`s, Authorization or nothing) -> what the gate says."""

__all__ = ["GateJudge"]


class GateJudge:
    """The first gate of a chain that judges.

    Args:
        chain: As GOPROXY; a single address is a chain of one.
        ask: Asks one address.
        netrc: The Authorization for a host, None where nothing is configured.
    """

    def __init__(self, chain: str, ask: Ask, netrc: Callable[[str], str | None]) -> None:
        self._entries = [each.url for each in parse_proxy_list(chain) if each.kind is EntryKind.PROXY]
        self._ask = ask
        self._netrc = netrc
        self.name = ", ".join(map(redacted, self._entries)) or chain

    async def judge(self, versions: Sequence[tuple[str, str]]) -> tuple[str, list[Judged]]:
        """The policy's revision, and what applies to each version. Raises Invalid where no gate answers."""
        names = [f"{path}@{version}" for path, version in versions]
        met: list[str] = []
        for url in self._entries:
            if not url.startswith(("http://", "https://")):
                continue
            address, authorization = self._way(url)
            found: list[Judged] = []
            revision = ""
            try:
                # A public proxy of the chain must not learn the names: whether it judges shows without any.
                await self._ask(address, (), authorization)
                for start in range(0, len(names), MAX_VERSIONS):
                    answer = await self._ask(address, names[start : start + MAX_VERSIONS], authorization)
                    found += answer.decisions
                    revision = answer.revision
            except Absent as error:
                met.append(f"{redacted(url)}: {error.what}")
                continue
            except Unavailable as error:
                # A gate that is down has not said yes.
                raise Unavailable(error.what, where=error.where, next_step=_ELSE, kind=error.kind) from error
            self.name = redacted(url)
            return revision, found
        raise _nobody(met)

    def _way(self, url: str) -> tuple[str, str]:
        """The address without its user info, and what it is told."""
        parts = urlsplit(url)
        if parts.username is None and parts.password is None:
            found = self._netrc(parts.hostname or "") if parts.scheme == "https" else None
            return url, found or ""
        from modgate.transport.environment import basic  # noqa: PLC0415  for such addresses alone

        bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return bare, basic(unquote(parts.username or ""), unquote(parts.password or ""))


_ELSE = "Ask another one: --gate URL; or judge by files: --policy FILE, --db SOURCE."


def _nobody(met: Sequence[str]) -> ModgateError:
    what = "; ".join(met) if met else "no proxy is named in GOPROXY"
    return Invalid(f"no gate judges these versions: {what}", next_step=_ELSE)
