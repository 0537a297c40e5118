"""Configuration of private modules: routes, version control, credentials, publishing, the own log.

`routes` and `credentials` are lists of tables in the file (`[[routes]]`), and JSON in a variable.
"""

from __future__ import annotations

import json
import re
from pathlib import Path  # noqa: TC003  pydantic reads the annotations
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from modgate.config.checks import check_hosts, check_patterns, check_upstream
from modgate.config.values import parse_duration, parse_list, parse_size, redact

__all__ = ["ChecksumLog", "Credential", "Publish", "Route", "Vcs", "parse_tables"]

Patterns = Annotated[tuple[str, ...], BeforeValidator(check_patterns), BeforeValidator(parse_list)]
Timeout = Annotated[float, BeforeValidator(parse_duration), Field(gt=0)]
Bytes = Annotated[int, BeforeValidator(parse_size), Field(gt=0)]


_NO_PROXIES = frozenset({"direct", "publish-only", "block"})
_ADDRESS = re.compile(
    r"(?:https|ssh|http|git\+ssh)://(?:[\w.~%+-]+(?::[^\s/@]*)?@)?[A-Za-z0-9\[][^\s]*\Z"
    r"|\w[\w.-]*@[A-Za-z0-9][\w.-]*:[^\s-][^\s]*\Z"
)


def parse_tables(value: object) -> object:
    """A list of tables, also as JSON text (in a variable or a flag). Raises ValueError."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "[]")
        except ValueError:
            raise ValueError("a list of tables, in a variable as JSON: [{...}]") from None
    if not isinstance(value, list | tuple):
        raise ValueError("a list of tables: [[...]] in the file, [{...}] as JSON")  # noqa: TRY004  pydantic collects ValueErrors only
    return tuple(value)


def parse_map(value: object) -> object:
    """Names and texts, also as JSON text. Raises ValueError."""
    if isinstance(value, str):
        try:
            value = json.loads(value or "{}")
        except ValueError:
            raise ValueError('names and texts, in a variable as JSON: {"name": "text"}') from None
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise ValueError("a table of names and texts")
    return value


def _check_source(value: object) -> object:
    if value in _NO_PROXIES:
        return value
    if isinstance(value, str) and re.match(r"[a-z]+://", value):
        return check_upstream(value)
    raise ValueError(
        '"direct" (version control), "publish-only", "block", or a chain of proxies with their https://'
    )


def _check_host_globs(value: object) -> object:
    names = value if isinstance(value, tuple) else ()
    check_hosts(tuple(name.replace("*.", "", 1) for name in names))
    return names


def _check_repositories(value: object) -> object:
    repositories = value if isinstance(value, dict) else {}
    for prefix, address in repositories.items():
        check_patterns((prefix,))
        if re.search(r"[*?\[\\,]", prefix):
            raise ValueError(f"{prefix!r} is a glob; a repository is named by a module path as it is")
        if not _ADDRESS.match(address):
            raise ValueError(
                f"{redact(address)!r} for {prefix} is no repository address: "
                "https://host/path, ssh://user@host/path or user@host:path"
            )
        if re.match(r"https?://[^/]*:[^/]*@", address):
            raise ValueError(f"the address for {prefix} holds a password: it belongs into [[credentials]]")
    return repositories


def _check_some(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not patterns:
        raise ValueError("name at least one module pattern")
    return patterns


HostGlobs = Annotated[tuple[str, ...], BeforeValidator(_check_host_globs), BeforeValidator(parse_list)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Route(_Section):
    """One line of the routing table: which modules, and where they come from. The first match counts."""

    match: Annotated[Patterns, AfterValidator(_check_some)] = Field(
        description="Globs over module path prefixes, as in GOPRIVATE.",
    )
    source: Annotated[str, BeforeValidator(_check_source)] = Field(
        description="`direct` (version control), a chain of proxies as in GOPROXY, `publish-only`, `block`.",
    )
    private: bool | None = Field(
        default=None,
        description="Names are never sent to a public upstream or checksum database. "
        "Default: yes; of a chain of proxies only names that look private.",
    )
    principals: Annotated[tuple[str, ...], BeforeValidator(parse_list)] = Field(
        default=(),
        description="Who may read it; empty for everyone who reaches the gate.",
    )

    @property
    def is_private(self) -> bool | None:
        """Whether its names stay inside; None: those that look private."""
        return True if self.private is None and self.source in _NO_PROXIES else self.private


class Vcs(_Section):
    """Fetching from version control, for routes with `direct` and for `direct` in the chain."""

    enabled: bool = Field(
        default=True,
        description="Fetch from repositories; off makes every `direct` a refusal.",
    )
    cache: Path | None = Field(
        default=None,
        description="Folder of the repository mirrors. Default: .modgate/vcs in the store.",
    )
    git: str = Field(
        default="git",
        description="The git program (2.32 or newer).",
    )
    go: str = Field(
        default="go",
        description="The go command, for Mercurial, Subversion, Fossil and Bazaar only.",
    )
    repositories: Annotated[
        dict[str, str], BeforeValidator(_check_repositories), BeforeValidator(parse_map)
    ] = Field(
        default={},
        description="Addresses of repositories by module path prefix, for hosts without go-import pages.",
    )
    internal_hosts: HostGlobs = Field(
        default=(),
        description="Hosts whose addresses need not be public, for modules of private routes: host, "
        "host:port or *.suffix. Hosts that routes and repositories name are among them. Subversion, Fossil "
        "and Bazaar are asked at such hosts only.",
    )
    insecure: Patterns = Field(
        default=(),
        description="Modules whose pages and repositories may be fetched over http, as GOINSECURE.",
    )
    timeout: Timeout = Field(
        default=600.0,
        description="One fetch of a repository from start to end.",
    )
    max_repository: Bytes = Field(
        default=4 << 30,
        description="The most bytes that one fetch of a repository may bring, and a mirror may hold.",
    )
    concurrency: Annotated[int, Field(ge=1)] = Field(
        default=8,
        description="Fetches from repositories under way at a time.",
    )


class Credential(_Section):
    """What one host is told to be let in."""

    host: str = Field(
        description="The host, with a port where it is not 443: the credential goes nowhere else.",
    )
    kind: Literal["token", "github-app", "gitlab-deploy-token", "git-helper", "ssh"] = Field(
        default="token",
        description="What it is.",
    )
    username: str = Field(
        default="",
        description="The name beside a token or key. Default: what the kind and host expect.",
    )
    bearer: bool = Field(
        default=False,
        description="token: sent as `Authorization: Bearer` to module proxies and pages; "
        "git is given name and password all the same.",
    )
    token_env: str = Field(
        default="",
        description="The variable that holds the token.",
    )
    token_file: Path | None = Field(
        default=None,
        description="The file that holds the token; read again when it changes.",
    )
    helper: str = Field(
        default="",
        description="A git credential helper: a name (`store`, `osxkeychain`) or an absolute path.",
    )
    app_id: str = Field(
        default="",
        description="GitHub App: its id.",
    )
    installation_id: str = Field(
        default="",
        description="GitHub App: the installation.",
    )
    key_file: Path | None = Field(
        default=None,
        description="GitHub App: its private key (PEM). ssh: the private key.",
    )
    api: str = Field(
        default="",
        description="GitHub App: the address of the API. Default: https://api.github.com, "
        "on other hosts https://HOST/api/v3.",
    )
    agent: str = Field(
        default="",
        description="ssh: the agent's socket. Default: SSH_AUTH_SOCK.",
    )
    known_hosts: Path | None = Field(
        default=None,
        description="ssh: the file with the host's keys. Default: the user's and the system's.",
    )
    config: Path | None = Field(
        default=None,
        description="ssh: a configuration file.",
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        check_hosts((self.host,))
        needs: dict[str, tuple[tuple[str, Any], ...]] = {
            "token": (("token_env or token_file", self.token_env or self.token_file),),
            "gitlab-deploy-token": (
                ("username", self.username),
                ("token_env or token_file", self.token_env or self.token_file),
            ),
            "github-app": (
                ("app_id", self.app_id),
                ("installation_id", self.installation_id),
                ("key_file", self.key_file),
            ),
            "git-helper": (("helper", self.helper),),
            "ssh": (),
        }
        for name, value in needs[self.kind]:
            if not value:
                raise ValueError(f"a credential of kind {self.kind} for {self.host} needs {name}")
        return self


class Publish(_Section):
    """`PUT /<module>/@v/<version>`: off unless switched on."""

    enabled: bool = Field(
        default=False,
        description="Take module versions by PUT.",
    )
    match: Patterns = Field(
        default=(),
        description="Modules that may be published. Default: those of publish-only routes.",
    )
    token_env: str = Field(
        default="",
        description="The variable that holds the token which publishers present.",
    )
    token_file: Path | None = Field(
        default=None,
        description="The file with tokens, one a line: `token`, or `name token`.",
    )

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.enabled and not (self.token_env or self.token_file):
            raise ValueError("publish.enabled needs publish.token_file or publish.token_env")
        return self


class ChecksumLog(_Section):
    """The gate's own checksum database: private modules, and public ones after their verification."""

    key_file: Path | None = Field(
        default=None,
        description="The signing key of the log; unset switches the log off.",
    )
    public: bool = Field(
        default=True,
        description="Log public modules as well, after the public database proved them.",
    )
