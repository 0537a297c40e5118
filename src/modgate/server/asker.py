"""Who the requests of a connection come from, and what it may be answered without asking again.

Mostly it is known of the connection: its certificate, or its address. Where headers have a say (`naming`), it
is known of each request head: the same bytes on the same connection name the same consumer. So an answer that
is given to one consumer alone is remembered here by the bytes that led to it, and never beyond the
connection; what everybody is given, the memo remembers for all of them.

Another `naming` ends all of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.server.memo import MAX_HEAD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modgate.firewall.tally import Account
    from modgate.server.memo import Hot, Memo
    from modgate.server.naming import Naming
    from modgate.server.shared import Shared

__all__ = ["Asker"]

_KNOWN_HEADS = 256
_OWN_HEADS = 64


class Asker:
    """The client of one connection.

    Args:
        shared: What its listener holds.
        peer: Its address.
        principal: The name in its certificate; empty without one.

    Attributes:
        naming: What named it, and holds until the listener has another.
        account: Where it is counted; None where the headers have a say.
        accounts: The same for heads that were parsed.
        own: Heads that led to an answer for this consumer alone.
    """

    __slots__ = ("_peer", "_shared", "account", "accounts", "naming", "own", "principal")

    def __init__(self, shared: Shared, peer: str, principal: str) -> None:
        self._shared = shared
        self._peer = peer
        self.principal = principal
        self.accounts: dict[bytes, Account] = {}
        self.own: dict[bytes, Hot] = {}
        self.naming: Naming
        self.account: Account | None
        self.introduce()

    def introduce(self) -> None:
        """Find out who it is, as far as that is the same for all requests; forget what was known of heads."""
        naming = self.naming = self._shared.naming
        who = naming.settled(self._peer, self.principal)
        self.account = None if who is None else self._shared.tally.account(who.consumer)
        self.accounts.clear()
        self.own.clear()

    def of(self, headers: Iterable[tuple[bytes, bytes]]) -> Account:
        """Where the consumer of a request that was just parsed is counted."""
        if self.naming is not self._shared.naming:
            self.introduce()
        if self.account is not None:
            return self.account
        said: dict[bytes, bytes] = {}
        for name, value in headers:
            said[name] = said[name] + b", " + value if name in said else value
        return self._shared.tally.account(self.naming.who(self._peer, self.principal, said).consumer)

    def remember(self, head: bytes, hot: Hot, account: Account, memo: Memo) -> None:
        """This whole request head, parsed, led to `hot` for the consumer of `account`."""
        if len(head) > MAX_HEAD:
            return
        if not hot.key[1]:
            memo.remember(head, hot)
        else:
            if len(self.own) >= _OWN_HEADS:
                self.own.clear()
            self.own[head] = hot
        if self.account is None:
            if len(self.accounts) >= _KNOWN_HEADS:
                self.accounts.clear()
            self.accounts[head] = account

    def recall(self, head: bytes, memo: Memo) -> Hot | None:
        """The answer for this consumer alone that this very head led to on this connection."""
        if self.naming is not self._shared.naming:
            self.introduce()
        hot = self.own.get(head)
        if hot is None:
            return None
        if memo.usable(hot) is None:
            del self.own[head]
            return None
        return hot
