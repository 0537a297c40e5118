"""Who may hear which secret: the configured credentials by host, and netrc behind them.

The rule: a secret goes to the host it was configured for, over https or ssh, and nowhere else. Hosts
are compared whole. An entry without a port is for 443 (over https). A host with an entry is never
asked with netrc's password instead: a broken entry is an error. For a host without one, netrc's
`machine` lines count (any port, as netrc knows none), and never its `default`.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.model.credentials import Credential, Secret, SshAccess
from modgate.transport.credentials.helper import GitHelper, helper_command, helper_environment
from modgate.transport.credentials.joint import Joint
from modgate.transport.credentials.names import default_username, host_and_port, normal_host
from modgate.transport.credentials.secrets import SecretFile, SecretSource, SecretVariable, too_open
from modgate.transport.environment import Netrc, netrc_path

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence

    from modgate.transport.credentials.github_app import GitHubApp
    from modgate.transport.credentials.settings import Entry

__all__ = ["HostCredentials"]

_HELPER_KEPT = 60.0
_EXPIRY_MARGIN = 30.0


def _nobody(_warning: str) -> None:
    """Nobody is told."""


class HostCredentials:
    """Finds what belongs to a host (`model.Credentials`).

    Args:
        entries: What is configured. Raises Invalid for two of one host, and for a helper or an address
            that is none.
        clock: Unix seconds.
        environ: The gate's environment, read when a token is needed.
        git: The git program, for its helpers.
        warn: Told of what a person should know, one line each.
        tls: Whom the GitHub API's certificate must satisfy; None for the system's.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        *,
        clock: Callable[[], float],
        environ: Mapping[str, str] | None = None,
        git: str = "git",
        warn: Callable[[str], None] = _nobody,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._clock = clock
        self._environ = os.environ if environ is None else environ
        self._git = git
        self._warn = warn
        self._tls = tls
        self._netrc = Netrc()
        self._entries = tuple(entries)
        self._https: dict[tuple[str, int], Entry] = {}
        self._ssh: dict[tuple[str, int | None], Entry] = {}
        for entry in self._entries:
            self._add(entry)
        self._tokens = {place: self._secret(entry) for place, entry in self._https.items()}
        self._apps = {
            place: self._app(entry) for place, entry in self._https.items() if entry.kind == "github-app"
        }
        self._helpers = {
            place: self._helper(entry) for place, entry in self._https.items() if entry.kind == "git-helper"
        }
        self._asked: Joint[tuple[str, int, str], Credential] = Joint(clock)

    async def https(self, host: str, port: int, path: str) -> Credential | None:
        """The credential for `https://host[:port]/path` (`model.Credentials.https`)."""
        place = (normal_host(host), port)
        entry = self._https.get(place)
        if entry is None:
            found = self._netrc.login(place[0])
            return None if found is None else Credential(found[0], Secret(found[1]), _netrc_label())
        if entry.kind == "github-app":
            return await self._asked.get((*place, ""), self._apps[place].token)
        if entry.kind == "git-helper":
            return await self._asked.get((*place, path), partial(self._help, place, path))
        secret = self._tokens[place]
        assert secret is not None
        return Credential(
            entry.username or default_username(place[0]),
            secret.read(),
            _label(entry),
            bearer=entry.bearer,
        )

    def ssh(self, host: str) -> SshAccess:
        """How to enter a host over ssh; `host` may carry its port (`model.Credentials.ssh`)."""
        name, port = host_and_port(host)
        entry = self._ssh.get((name, port)) or self._ssh.get((name, None))
        agent = self._environ.get("SSH_AUTH_SOCK", "")
        if entry is None:
            return SshAccess(agent=agent)
        return SshAccess(
            user=entry.username,
            key=entry.key_file,
            agent=entry.agent or agent,
            known_hosts=entry.known_hosts,
            config=entry.config,
            source=_label(entry),
        )

    def describe(self, host: str) -> str:
        """Which kind of credential a host would be given (`model.Credentials.describe`)."""
        name, port = host_and_port(host)
        told = []
        entry = self._https.get((name, port or 443))
        if entry is not None:
            told.append(_label(entry))
        elif self._netrc.login(name) is not None:
            told.append(_netrc_label())
        entry = self._ssh.get((name, port)) or self._ssh.get((name, None))
        if entry is not None:
            told.append(_label(entry))
        return "; ".join(told)

    def warnings(self) -> list[str]:
        """What a person should know at the start, one line each: secrets that others may read, and
        tokens that are not there yet.
        """
        files = [file for entry in self._entries for file in entry.files]
        lines = [too_open(file) for file in dict.fromkeys([*files, netrc_path()])]
        lines += [
            f"the credential for {entry.host}: the variable {entry.token_env} is empty or not set"
            for entry in self._entries
            if entry.token_env and not self._environ.get(entry.token_env, "").strip()
        ]
        lines += [
            f"the credential for {entry.host}: there is no file {file}"
            for entry in self._entries
            for file in entry.files
            if not file.exists()
        ]
        return [line for line in lines if line]

    async def close(self) -> None:
        """End what is being asked."""
        await self._asked.close()

    def _add(self, entry: Entry) -> None:
        name, port = entry.place
        known = self._ssh.get((name, port)) if entry.kind == "ssh" else self._https.get((name, port or 443))
        if known is not None:
            raise Invalid(
                f"two entries of [[credentials]] for {entry.host}: {known.kind} and {entry.kind}",
                next_step="Keep one for each host (one for https and one for ssh may stand together).",
            )
        if entry.kind == "ssh":
            self._ssh[name, port] = entry
        else:
            self._https[name, port or 443] = entry

    def _secret(self, entry: Entry) -> SecretSource | None:
        if entry.kind not in {"token", "gitlab-deploy-token"}:
            return None
        if entry.token_env and entry.token_file is not None:
            raise Invalid(
                f"the credential for {entry.host} names both token_env and token_file",
                next_step="Keep one of them.",
            )
        if entry.token_file is not None:
            return SecretFile(entry.token_file)
        if entry.token_env:
            return SecretVariable(entry.token_env, self._environ)
        raise Invalid(f"the credential for {entry.host} needs token_env or token_file")

    def _app(self, entry: Entry) -> GitHubApp:
        # JWTs and what they need cost a tenth of a gate's start; few gates have an App.
        from modgate.transport.credentials.github_app import GitHubApp, api_address  # noqa: PLC0415

        api = entry.api or api_address(*entry.place)
        if not api.startswith("https://") or "@" in api:
            raise Invalid(
                f"the API address of the GitHub App for {entry.host} is no plain https:// address",
                next_step="Correct `api`, for example https://github.corp.example/api/v3.",
            )
        if entry.key_file is None:
            raise Invalid(f"the GitHub App for {entry.host} needs key_file")
        return GitHubApp(
            entry.app_id,
            entry.installation_id,
            SecretFile(entry.key_file, lines=True),
            api=api,
            clock=self._clock,
            warn=self._warn,
            tls=self._tls,
        )

    def _helper(self, entry: Entry) -> GitHelper:
        others = {each.token_env for each in self._entries if each.token_env}
        return GitHelper(
            helper_command(entry.helper, self._git),
            helper_environment(self._environ, others),
            label=_label(entry),
        )

    async def _help(self, place: tuple[str, int], path: str) -> tuple[Credential, float]:
        host = place[0] if place[1] == 443 else f"{place[0]}:{place[1]}"
        entry = self._https[place]
        found, expires = await self._helpers[place].get(host, path, entry.username)
        until = self._clock() + _HELPER_KEPT
        return found, until if expires is None else min(until, expires - _EXPIRY_MARGIN)


def _netrc_label() -> str:
    return f"netrc ({netrc_path()})"


def _label(entry: Entry) -> str:
    """What it is, without a secret."""
    if entry.kind == "github-app":
        return f"GitHub App {entry.app_id}, installation {entry.installation_id}"
    if entry.kind == "git-helper":
        return f"git credential helper {entry.helper.split()[0]}"
    if entry.kind == "ssh":
        how = f"key {entry.key_file}" if entry.key_file is not None else "agent or default keys"
        return f"ssh, {how}"
    place = f"${entry.token_env}" if entry.token_env else str(entry.token_file)
    kind = "deploy token" if entry.kind == "gitlab-deploy-token" else "token"
    return f"{kind} of {place}"
