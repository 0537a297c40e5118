"""The result of a measurement as one plain document: what `--json` prints, `--save` keeps and the page shows.

Its shape is published in `schema.json`. Seconds and bytes throughout; a value that was not measured is null.
Texts are said in the language of the run, ids stay the same in all.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from modgate import __version__
from modgate.client.mirrors.conformance import REQUIRED
from modgate.client.mirrors.known import FIELDS
from modgate.client.mirrors.ranking import MODEL_BYTES, MODEL_WARM, rank, rate_of
from modgate.client.mirrors.stats import Summary, median, summary

if TYPE_CHECKING:
    from modgate.client.mirrors.campaign import Campaign
    from modgate.client.mirrors.ranking import Ranked
    from modgate.client.mirrors.results import MirrorResult
    from modgate.messages import Catalogue

__all__ = ["KIND", "SCHEMA", "Document", "document"]

SCHEMA = 1
KIND = "modgate-mirrors"
Document = dict[str, Any]

_STEPS = ("dns", "connect", "proxy", "tls", "request", "first-byte")


def document(campaign: Campaign, say: Catalogue, *, now: float, complete: bool) -> Document:
    """Everything that was measured; `now` in seconds since 1970, `complete` unless it was broken off."""
    subject, limits = campaign.subject, campaign.limits
    taken = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "modgate": __version__,
        "taken": taken,
        "complete": complete,
        "subject": {
            "module": subject.path,
            "version": subject.version,
            "absent_version": subject.absent_version,
            "busy": list(subject.busy),
            "sumdb": subject.database,
        },
        "method": {
            "rounds": campaign.rounds_done,
            "rounds_asked": limits.rounds,
            "warm_per_round": limits.warm,
            "downloads": limits.downloads,
            "timeout": limits.timeout,
            "percentiles": "linear interpolation between closest ranks (type 7)",
            "jitter": "mean absolute difference of consecutive latencies",
            "model": {"cold": 1, "warm": MODEL_WARM, "bytes": MODEL_BYTES},
        },
        "mirrors": [_mirror(ranked, say, taken) for ranked in rank(campaign.results)],
        "comparison": None,
    }


def _mirror(ranked: Ranked, say: Catalogue, taken: str) -> Document:
    result = ranked.result
    database = result.database
    return {
        "place": ranked.place,
        "name": result.name,
        "url": result.url,
        "operator": result.known.operator if result.known else "",
        "tier": ranked.tier.name.lower().replace("_", "-"),
        "reasons": [
            {"id": reason.key.rpartition(".")[2], "text": say.say(reason)} for reason in ranked.reasons
        ],
        "typical_seconds": _rounded(ranked.seconds),
        "http": {
            "version": result.http_version,
            "status_existing": result.status_existing or None,
            "status_absent": result.status_absent or None,
            "server": result.server,
            "cache_control": result.cache_control,
        },
        "latency": _latency(result),
        "throughput": {
            "bytes_per_second": _rounded(rate_of(result), 0),
            "spread": _summary(summary([t.rate for t in result.transfers if t.rate > 0]), 0),
            "downloads": len(result.transfers),
            "bytes": sum(transfer.size for transfer in result.transfers),
        },
        "stability": {
            "requests": result.attempts,
            "failed": result.failed,
            "share": _rounded(result.failed / result.attempts) if result.attempts else None,
            "failures": dict(result.failures()),
        },
        "sumdb": None
        if database is None
        else {
            "works": database.works,
            "supported": database.supported or None,
            "tree_size": database.latest,
            "proved": database.lookup,
            "detail": database.detail,
        },
        "toolchain": {"available": result.toolchain, "status": result.toolchain_status or None},
        "freshness": [
            {
                "module": fresh.module,
                "newest": fresh.newest,
                "time": fresh.time,
                "behind": fresh.behind,
                "days_behind": _rounded(fresh.days, 2),
                "age": fresh.age,
                "mirror_age": fresh.mirror_age,
            }
            for fresh in result.freshness.values()
        ],
        "conformance": [
            {
                "check": check.name,
                "result": check.outcome.value,
                "required": check.name in REQUIRED,
                "detail": check.detail,
            }
            for check in result.checks
        ],
        "compliance": _compliance(result, say, taken),
        "redirects": [{"referer": referer, "host": host} for referer, host in result.redirects],
        "samples": [
            {
                "round": sample.round,
                "cold": sample.cold,
                "seconds": _rounded(sample.seconds),
                "failure": sample.failure,
            }
            for sample in result.samples
        ],
        "cost": {"requests": result.requests, "bytes": result.received},
    }


def _latency(result: MirrorResult) -> Document:
    cold = [sample for sample in result.samples if sample.cold and not sample.failure]
    shares = [sample.step("tls") / sample.seconds for sample in cold if sample.step("tls")]
    return {
        "cold": _summary(summary([sample.seconds for sample in cold])),
        "warm": _summary(summary(result.good(cold=False))),
        "tls_share": _rounded(median(shares), 4) if shares else None,
        "steps": {name: _rounded(median([sample.step(name) for sample in cold])) for name in _STEPS if cold},
    }


def _compliance(result: MirrorResult, say: Catalogue, taken: str) -> list[Document]:
    """What a person who must answer for it asks; each marked as measured, stated or unverified."""
    rows: list[Document] = []

    def add(field: str, value: str, mark: str, date: str = "", source: str = "") -> None:
        text = value if value.startswith("https://") else say(f"mirrors.value.{value}")
        rows.append(
            {"field": field, "value": value, "text": text, "mark": mark, "date": date, "source": source}
        )

    day = taken[:10]
    measured = {"sumdb": result.database and result.database.works, "toolchain": result.toolchain}
    for field in FIELDS:
        seen = measured.get(field)
        if seen is not None:
            add(field, "yes" if seen else "no", "measured", day)
            continue
        stated = result.known.stated(field) if result.known else None
        if stated is None:
            add(field, "unknown", "unverified")
        else:
            mark = "stated" if stated.verified else "unverified"
            add(field, stated.value, mark, stated.date, stated.source)
    if result.transfers:
        hosts = ", ".join(host for _, host in result.redirects)
        told = ", ".join(referer for referer, _ in result.redirects)
        for field, value in (
            ("redirects", hosts or say("mirrors.value.itself")),
            ("referer", told or say("mirrors.value.nobody")),
            ("cache-control", result.cache_control or say("mirrors.value.not-sent")),
        ):
            rows.append(
                {"field": field, "value": value, "text": value, "mark": "measured", "date": day, "source": ""}
            )
    return rows


def _summary(found: Summary | None, digits: int = 6) -> Document | None:
    if found is None:
        return None
    return {name: value if name == "n" else _rounded(value, digits) for name, value in asdict(found).items()}


def _rounded(value: float | None, digits: int = 6) -> float | None:
    return None if value is None else round(value, digits)
