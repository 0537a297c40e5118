"""Which team a consumer belongs to, who owns it and where to reach them: the mapping file.

    [[teams]]
    name = "payments"
    consumers = ["ci-payments", "pay-*", "10.1.0.0/16"]
    owner = "Ada Lovelace"
    contact = "payments@example.com"
    channel = "#payments"

A consumer is matched by its exact name, by a glob (`*` and `?`, over the whole name), or by the network that
its address lies in. Several teams may match: all of them are its groups, and the first in the file is the
team that is told and asked. With pseudonyms, names that the file gives in full are known by theirs too.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from modgate.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["NOBODY", "Owners", "Team", "parse_owners", "read_owners"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEYS = ("name", "consumers", "owner", "contact", "channel")
_MAX_BYTES = 4 << 20
_KNOWN = 16_384


@dataclass(frozen=True, slots=True)
class Team:
    """A team: its name, which consumers are its own (as written), and who answers for it, empty if unsaid."""

    name: str
    consumers: tuple[str, ...] = ()
    owner: str = ""
    contact: str = ""
    channel: str = ""


NOBODY = Team("")
"""The team of a consumer that no team claims."""


class Owners:
    """The teams of one mapping file.

    Args:
        teams: In the order of the file.
        pseudonym: What stands for a name where names are not kept.
    """

    def __init__(self, teams: Sequence[Team] = (), *, pseudonym: Callable[[str], str] | None = None) -> None:
        self.teams = tuple(teams)
        self._names: dict[str, list[int]] = {}
        self._globs: list[tuple[re.Pattern[str], int]] = []
        self._networks: list[tuple[_Network, int]] = []
        for number, team in enumerate(self.teams):
            for word in team.consumers:
                self._add(word, number, pseudonym)
        self._matching = lru_cache(maxsize=_KNOWN)(self._match)

    def _add(self, word: str, number: int, pseudonym: Callable[[str], str] | None) -> None:
        network = _network(word)
        if network is not None and "/" in word:
            self._networks.append((network, number))
        elif "*" in word or "?" in word:
            self._globs.append((_glob(word), number))
        else:
            name = word if network is None else str(network.network_address)
            self._names.setdefault(name, []).append(number)
            if pseudonym is not None:
                self._names.setdefault(pseudonym(name), []).append(number)

    def groups(self, consumer: str) -> frozenset[str]:
        """The names of all teams that a consumer belongs to."""
        return frozenset(self.teams[number].name for number in self._matching(consumer))

    def team(self, consumer: str) -> Team:
        """The first team that a consumer belongs to, `NOBODY` where there is none."""
        found = self._matching(consumer)
        return self.teams[found[0]] if found else NOBODY

    def _match(self, consumer: str) -> tuple[int, ...]:
        found = set(self._names.get(consumer, ()))
        found.update(number for glob, number in self._globs if glob.fullmatch(consumer))
        if self._networks:
            try:
                address = ipaddress.ip_address(consumer)
            except ValueError:
                pass
            else:
                found.update(number for network, number in self._networks if address in network)
        return tuple(sorted(found))


def _network(word: str) -> _Network | None:
    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError:
        return None


def _glob(word: str) -> re.Pattern[str]:
    return re.compile(
        "".join({"*": ".*", "?": "."}.get(letter) or re.escape(letter) for letter in word), re.DOTALL
    )


def parse_owners(text: str, where: str, *, pseudonym: Callable[[str], str] | None = None) -> Owners:
    """The teams of a file's text; `where` names it in errors. Raises Invalid."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"the file of teams is no TOML: {error}", where=where) from error
    for key in document:
        if key != "teams":
            raise Invalid(f"no key {key[:60]!r} in a file of teams", where=where, next_step="Known is teams.")
    tables = document.get("teams", [])
    if not isinstance(tables, list):
        raise Invalid("teams is no list of tables", where=where, next_step="Write [[teams]] before each.")
    teams: list[Team] = []
    for number, table in enumerate(tables, start=1):
        team = _team(table, f"{where}: teams, number {number}")
        if any(each.name == team.name for each in teams):
            raise Invalid(f"there are two teams {team.name!r}", where=where)
        teams.append(team)
    return Owners(teams, pseudonym=pseudonym)


def _team(table: Any, where: str) -> Team:
    if not isinstance(table, dict):
        raise Invalid("a team is a table", where=where, next_step="Write [[teams]] before each.")
    for key in table:
        if key not in _KEYS:
            known = ", ".join(_KEYS)
            raise Invalid(f"no key {key[:60]!r} in a team", where=where, next_step=f"Known are {known}.")
    words = table.get("consumers", [])
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise Invalid("consumers is a list of names, globs and networks", where=where)
    for word in words:
        if "/" in word and _network(word) is None and re.fullmatch(r"[0-9A-Fa-f.:]+/\d+", word):
            raise Invalid(f"{word[:60]!r} is no network", where=where)
    said = {key: table.get(key, "") for key in _KEYS if key != "consumers"}
    for key, value in said.items():
        if not isinstance(value, str) or not value.isprintable():
            raise Invalid(f"{key} is one line of text", where=where)
    if not _NAME.fullmatch(said["name"]):
        raise Invalid("a team's name has letters, digits, dots and dashes", where=where)
    return Team(consumers=tuple(words), **said)


def read_owners(file: Path | None, *, pseudonym: Callable[[str], str] | None = None) -> Owners:
    """The teams of a file; none where there is no file. Raises Invalid, Unavailable."""
    if file is None:
        return Owners()
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise Unavailable(
            f"the file of teams cannot be read: {error.strerror}", where=str(file), next_step="consumers.file"
        ) from error
    if len(data) > _MAX_BYTES:
        raise Invalid("the file of teams is too big", where=str(file))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid("the file of teams is no UTF-8", where=str(file)) from error
    return parse_owners(text, str(file), pseudonym=pseudonym)
