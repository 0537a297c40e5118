"""Configuration of the firewall: policy, advisories, the ledger's database, consumers, webhooks, the
scanner.
"""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003  pydantic reads the annotations
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from modgate.config.values import parse_duration, parse_list, parse_size, redact

__all__ = ["Advisories", "Consumers", "LedgerConfig", "Notify", "PolicyConfig", "Scan", "Webhook"]

Seconds = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
Timeout = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
Bytes = Annotated[int, BeforeValidator(parse_size), Field(ge=0)]
Words = Annotated[tuple[str, ...], BeforeValidator(parse_list)]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_EVENTS = ("advisory", "denied", "tampered", "waiver", "policy", "scan")


def _check_url(value: object) -> object:
    """An http or https address, or empty. Raises ValueError, without what may be a password."""
    if value in {None, ""}:
        return ""
    if not isinstance(value, str) or not re.match(r"https?://[^/\s]", value) or re.search(r"\s", value):
        raise ValueError(f"{redact(str(value))!r} is no https:// or http:// address")
    if "@" in urlsplit(value).netloc:
        raise ValueError("the address holds a user name; secrets belong into a file")
    return value


def _check_database(value: object) -> object:
    """Empty, or postgresql:// without a password. Raises ValueError, without what may be a password."""
    if value in {None, ""}:
        return ""
    if not isinstance(value, str) or not re.match(r"postgres(ql)?://", value):
        raise ValueError(
            "a database is postgresql://user@host:port/name; empty for SQLite in the store's folder"
        )
    parts = urlsplit(value)
    if parts.password is not None or "password=" in parts.query:
        raise ValueError("the address holds a password: it belongs into ledger.password_file")
    return value


def _check_header(value: object) -> object:
    if value in {None, ""}:
        return ""
    if not isinstance(value, str) or not _HEADER.fullmatch(value):
        raise ValueError("a header's name has letters, digits and dashes")
    return value.lower()


def _check_events(value: object) -> object:
    events = value if isinstance(value, tuple) else ()
    for event in events:
        if event not in _EVENTS:
            raise ValueError(f"{event!r} is no event; known are {', '.join(_EVENTS)}")
    return events


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class PolicyConfig(_Section):
    """What may be used: the firewall's rules."""

    file: Path | None = Field(
        default=None,
        description="The policy, TOML or YAML (docs/policy.md); unset: everything is allowed.",
    )


class Advisories(_Section):
    """Known vulnerabilities: where they are read, and serving them on."""

    sources: Words = Field(
        default=(),
        description="Databases, later ones add to earlier ones: an address of the Go vulnerability database "
        "(https://vuln.go.dev), of a zip of OSV files, a folder, a .zip, .jsonl, .jsonl.gz or Trivy's "
        "trivy.db.",
    )
    interval: Timeout = Field(
        default=600.0,
        description="Pause between two looks at them.",
    )
    serve: bool = Field(
        default=True,
        description="Serve what was read under /vulndb/, for GOVULNDB.",
    )


class LedgerConfig(_Section):
    """The database of what happened, and how long it is kept."""

    url: Annotated[str, BeforeValidator(_check_database)] = Field(
        default="",
        description="postgresql://user@host:port/name, shared by several gates; empty: SQLite in the store.",
    )
    password_file: Path | None = Field(
        default=None,
        description="File with the database's password.",
    )
    keep_fetches: Seconds = Field(
        default=400 * 86400.0,
        description="How long after its last fetch it is known that a consumer used a version.",
    )
    keep_decisions: Seconds = Field(
        default=400 * 86400.0,
        description="How long decisions can be looked up after they were last met.",
    )
    keep_audit: Seconds = Field(
        default=0.0,
        description="How long the audit is kept; 0: for ever.",
    )
    keep_messages: Seconds = Field(
        default=30 * 86400.0,
        description="How long delivered and given-up messages can be looked up.",
    )
    max_size: Bytes = Field(
        default=0,
        description="How many bytes the database may take: over it the oldest fetches, decisions and sent "
        "messages go (docs/ledger.md); 0: no limit.",
    )


class Consumers(_Section):
    """Who is asking: a principal, a header of a trusted proxy, a certificate, or the network."""

    header: Annotated[str, BeforeValidator(_check_header)] = Field(
        default="",
        description="Header that names the consumer, believed from trusted_proxies only "
        "(from everyone while that is empty and the gate listens on loopback).",
    )
    file: Path | None = Field(
        default=None,
        description="TOML file with teams, their networks or names, owners and contacts (docs/consumers.md).",
    )
    pseudonyms: bool = Field(
        default=False,
        description="Keep keyed hashes instead of names and addresses; the key lies in the store's folder.",
    )
    flush: Timeout = Field(
        default=2.0,
        description="How often counts of fetches are written; at most so much of them is lost when it is "
        "killed.",
    )


class Webhook(_Section):
    """One receiver of messages."""

    name: str = Field(
        description="Its name, by which messages are kept and replayed.",
    )
    url: Annotated[str, BeforeValidator(_check_url)] = Field(
        default="",
        description="Where messages are posted; else url_file, since chat addresses are secrets.",
    )
    url_file: Path | None = Field(
        default=None,
        description="File with the address.",
    )
    format: Literal["json", "slack", "feishu", "dingtalk", "teams"] = Field(
        default="json",
        description="The form of a message.",
    )
    secret_file: Path | None = Field(
        default=None,
        description="File with the secret that signs messages.",
    )
    events: Annotated[tuple[str, ...], BeforeValidator(_check_events), BeforeValidator(parse_list)] = Field(
        default=(),
        description="Which events: advisory, denied, tampered, waiver, policy, scan; empty for all.",
    )
    consumers: Words = Field(
        default=(),
        description="Whose: names, globs or networks; empty for everybody's.",
    )
    rate: Annotated[float, Field(gt=0, le=1000)] = Field(
        default=5.0,
        description="At most so many messages a second.",
    )
    internal: bool = Field(
        default=False,
        description="Whether its address may be one of the internal network.",
    )
    lang: Literal["", "en", "zh"] = Field(
        default="",
        description="Language of its messages; empty: zh for feishu and dingtalk, else en.",
    )

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if not _NAME.fullmatch(self.name):
            raise ValueError("a webhook's name has letters, digits, dots and dashes")
        if bool(self.url) == (self.url_file is not None):
            raise ValueError("a webhook has either url or url_file")
        return self


class Notify(_Section):
    """Delivering messages to webhooks."""

    timeout: Timeout = Field(
        default=10.0,
        description="How long a receiver may take.",
    )
    backoff: Timeout = Field(
        default=2.0,
        description="Pause after a first failure; it doubles, up to ten minutes.",
    )
    attempts: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=30,
        description="How often a message is tried before it is given up.",
    )
    waivers: Seconds = Field(
        default=7 * 86400.0,
        description="How long before its end a waiver is told of.",
    )
    backlog: Seconds = Field(
        default=30 * 86400.0,
        description="How old an advisory may be that is met for the first time, to be told of.",
    )
    doubtful: bool = Field(
        default=False,
        description="Tell also of advisories that nobody reviewed and that no version fixes.",
    )
    contact: str = Field(
        default="",
        description="Where to ask for a waiver, as messages about advisories say it.",
    )


class Scan(_Section):
    """The scanner that releases quarantined versions: a command or an HTTP service."""

    command: Words = Field(
        default=(),
        description="Program and arguments, run on the unpacked zip; {dir}, {module}, {version} and {zip} "
        "stand "
        "for what is scanned. Exit status 0 releases, 1 or 3 refuses.",
    )
    url: Annotated[str, BeforeValidator(_check_url)] = Field(
        default="",
        description="Service that is posted the zip and answers with a verdict.",
    )
    secret_file: Path | None = Field(
        default=None,
        description="File with the token that the service is given.",
    )
    wait: Seconds = Field(
        default=30.0,
        description="How long a client waits for a verdict before it is told to come back.",
    )
    timeout: Timeout = Field(
        default=600.0,
        description="How long a scan may take.",
    )
    memory: Bytes = Field(
        default=2 << 30,
        description="How much memory a command may have.",
    )
    network: bool = Field(
        default=False,
        description="Whether a command may use the network.",
    )
    concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1,
        description="How many scans at a time.",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.command and self.url:
            raise ValueError("scan.command and scan.url exclude each other")
        return self
