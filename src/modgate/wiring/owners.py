"""Names and teams as the configuration says: pseudonyms, and the mapping file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.firewall.owners import Owners, read_owners
from modgate.firewall.pseudonyms import pseudonyms_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.config import Config

__all__ = ["owners_of", "pseudonym_of"]


def pseudonym_of(config: Config) -> Callable[[str], str] | None:
    """What makes pseudonyms; None where names are kept. Raises Invalid, Unavailable."""
    if not config.consumers.pseudonyms:
        return None
    return pseudonyms_of(None if config.store.path is None else config.store.path / ".modgate")


def owners_of(config: Config, pseudonym: Callable[[str], str] | None = None) -> Owners:
    """The teams, read now. Raises Invalid, Unavailable."""
    return read_owners(config.consumers.file, pseudonym=pseudonym)
