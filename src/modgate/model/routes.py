"""Which source answers for a module path, as a table: the first rule whose patterns match counts.

The table is asked before anything is sent, because a private name must never reach a public upstream or
checksum database: what this module says of a path is what the proxy, the checksum mirror, prefetching,
publishing and `modgate route explain` all go by.

Case counts for nothing in a match: hosts such as github.com know a repository under any spelling, so a rule
that `Corp` could walk past would neither keep a name inside nor a reader out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.private_names import looks_private

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.model.context import Context

__all__ = ["BLOCK", "DIRECT", "PUBLISHED", "RouteRule", "RouteTable"]

DIRECT = "direct"
PUBLISHED = "publish-only"
BLOCK = "block"


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One rule.

    Attributes:
        patterns: Comma-separated globs over module path prefixes, as in GOPRIVATE; of the rule for
            private-looking names and of the last rule: empty.
        source: `direct`, `publish-only`, `block`, or a chain of proxies as in GOPROXY.
        private: Whether its names stay inside; None: those that look private.
        principals: Who may read what it covers; empty for everyone.
        origin: Where the rule is written, for people.
        reason: Of a `block`: why, and what to do, for people.
    """

    patterns: str
    source: str
    private: bool | None = None
    principals: tuple[str, ...] = ()
    origin: str = ""
    reason: str = ""

    def admits(self, ctx: Context) -> bool:
        """Whether the principal may read what the rule covers."""
        return not self.principals or ctx.principal in self.principals


@dataclass(frozen=True, slots=True)
class RouteTable:
    """The rules in order, the one for names that look private, and the one for everything else."""

    rules: Sequence[RouteRule]
    inside: RouteRule
    default: RouteRule

    def find(self, path: str) -> RouteRule:
        """The rule for a module path."""
        lower = path.lower()
        for rule in self.rules:
            if match_prefix_patterns(rule.patterns.lower(), lower):
                return rule
        return self.inside if looks_private(path) else self.default

    def is_private(self, path: str) -> bool:
        """Whether the name stays inside."""
        private = self.find(path).private
        return looks_private(path) if private is None else private

    def is_open(self, path: str) -> bool:
        """Whether everyone who reaches the gate may read it."""
        return not self.find(path).principals

    @property
    def all_rules(self) -> tuple[RouteRule, ...]:
        """Every rule, in the order they are asked."""
        return (*self.rules, self.inside, self.default)
