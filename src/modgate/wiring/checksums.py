"""The checksum databases of a gate: the public ones that it mirrors, and its own log."""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING

import structlog

from modgate.checksumdb.log import ChecksumLog
from modgate.checksumdb.mirror import Mirror, Mirrored
from modgate.checksumdb.remote import Candidate
from modgate.errors import Invalid, Unavailable
from modgate.gomod.patterns import match_prefix_patterns
from modgate.ledger.logbook import SqlLogBook
from modgate.ledger.sql import SqlLedger
from modgate.source.authority import LogAuthority
from modgate.sumdb.note import new_signer, verifier_key_of
from modgate.sumdb.spec import KNOWN, Spec, check_own_name, parse_gosumdb

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from modgate.config import Config
    from modgate.gomod.protocol import Request
    from modgate.model import ChecksumDatabase, Context
    from modgate.wiring.stack import Ground

__all__ = ["build_log", "build_mirror", "databases", "retarget_mirror"]

_MAX_KEY = 4096
_PUBLIC = "sum.golang.org"
_KEYGEN = "`modgate sumdb keygen NAME --out FILE` makes one; checksum_log.key_file names it."


def build_mirror(ground: Ground) -> Mirror | None:
    """The mirror of the configured databases; None for `off`.

    A database is asked through the chain's proxies where they carry it, as the go command does, unless
    its specification names an address. Raises as `build_log` for a key of the gate's own that is none.
    """
    databases = _mirrored(ground)
    if not databases:
        return None
    config = ground.config
    return Mirror(
        databases,
        ground.store,
        ground.ledger,
        time.time,
        private=_private(ground),
        exempt=",".join(config.sumdb_exempt),
    )


def retarget_mirror(mirror: Mirror, ground: Ground) -> None:
    """Let a mirror of the same databases go by another configuration."""
    exempt = ",".join(ground.config.sumdb_exempt)
    mirror.retarget(_mirrored(ground), private=_private(ground), exempt=exempt)


def _mirrored(ground: Ground) -> list[Mirrored]:
    mirrored: list[Mirrored] = []
    for spec in databases(ground.config):
        proxies = [] if spec.url else ground.upstreams.proxies(ground.config.upstream)
        ways = [Candidate(each, any_error=fall) for each, fall in proxies]
        mirrored.append(Mirrored(spec, [*ways, Candidate(ground.upstreams.at(spec.direct_url), proxy=False)]))
    return mirrored


def _private(ground: Ground) -> Callable[[str], bool]:
    never, table = ",".join(ground.config.no_sumdb).lower(), ground.table
    return lambda path: match_prefix_patterns(never, path.lower()) or table.is_private(path)


def databases(config: Config) -> list[Spec]:
    """The databases that are configured, without the gate's own log: it proves nothing to itself.

    The default is what go on this machine is told, which as a client of this gate may be told its log.
    """
    specs = [spec for spec in map(parse_gosumdb, config.sumdb) if spec is not None]
    path = config.checksum_log.key_file
    if not specs or path is None:
        return specs
    own = verifier_key_of(_key(path))
    others = [spec for spec in specs if spec.verifier_key != own]
    if not others:
        structlog.get_logger("modgate").warning(
            f"sumdb (go env GOSUMDB) is the gate's own log: public modules are verified against {_PUBLIC}"
        )
        others = [Spec(_PUBLIC, KNOWN[_PUBLIC])]
    return others


def build_log(
    ground: Ground,
    database: ChecksumDatabase,
    fill: Callable[[Context, Request], Awaitable[object]],
    holder: str,
) -> ChecksumLog | None:
    """The gate's own log; None where no key is configured.

    Raises Unavailable for a key that cannot be read or a store that forgets, Invalid for what is no key.
    """
    config = ground.config
    path = config.checksum_log.key_file
    if path is None:
        return None
    ledger = ground.ledger
    if not isinstance(ledger, SqlLedger):
        raise Unavailable(
            "a checksum log needs a store on disk: after a restart one in memory would begin anew, which "
            "is a fork to every client",
            where="checksum_log.key_file",
            next_step="Name a folder: --store DIR.",
        )
    key = _key(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        structlog.get_logger("modgate").warning(
            f"{path}: others may read the signing key of the checksum log (chmod 600)"
        )
    log = ChecksumLog(
        key,
        book=SqlLogBook(ledger),
        store=ground.store,
        ledger=ledger,
        authority=LogAuthority(
            database, fill, ledger, ground.store, clock=time.time, public=config.checksum_log.public
        ),
        clock=time.time,
        holder=holder,
    )
    structlog.get_logger("modgate").info(
        # Without an address, which is right behind every port, name and proxy: go asks its GOPROXY.
        "own checksum log",
        name=log.name,
        gosumdb=log.verifier_key,
    )
    return log


def _key(path: Path) -> str:
    """The signing key, as it can be used. The text of an error never shows it."""
    try:
        with path.open(encoding="ascii") as file:
            key = file.read(_MAX_KEY).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Unavailable(
            f"the signing key of the checksum log cannot be read: {reason}",
            where=str(path),
            next_step=_KEYGEN,
        ) from None
    if not key.startswith("PRIVATE+KEY+"):
        raise Invalid("this is no signing key (PRIVATE+KEY+…)", where=str(path), next_step=_KEYGEN)
    try:
        check_own_name(new_signer(key).name)
    except Invalid as error:
        raise Invalid(
            f"the signing key of the checksum log cannot be used: {error.what}",
            where=str(path),
            next_step=error.next_step or _KEYGEN,
        ) from None
    return key
