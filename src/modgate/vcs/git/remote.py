"""One run of git over the network: by the guarded way out, with what belongs to this host and nothing else.

The password never appears among arguments or in a configuration: a helper of one line prints it from two
variables, and git asks that helper for this scheme, host and port only. After a redirect to another
host no helper is configured, so git has nothing to say there. http without TLS is never given one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from modgate.errors import Unavailable
from modgate.model.credentials import SshAccess
from modgate.vcs.git.environment import git_environment
from modgate.vcs.git.errors import Failure
from modgate.vcs.git.program import RunLimit
from modgate.vcs.git.ssh import ssh_environment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from modgate.model.credentials import Credentials
    from modgate.model.egress import Egress, Passage
    from modgate.vcs.git.addresses import GitAddress
    from modgate.vcs.git.program import GitProgram
    from modgate.vcs.git.settings import GitSettings

__all__ = ["Remote"]

# A redirect may lead from http to https, never back.
_ALLOWED = {"https": "https", "http": "http:https", "ssh": "ssh", "file": "file"}
_HELPER = (
    "!f() { test \"$1\" = get || exit 0; printf 'username=%s\\npassword=%s\\n' "
    '"$MODGATE_GIT_USERNAME" "$MODGATE_GIT_PASSWORD"; }; f'
)


@dataclass(slots=True, repr=False)
class _Way:
    """How one run gets out."""

    url: str
    config: list[tuple[str, str]]
    extra: dict[str, str]
    credential: str = ""
    secret: str = ""
    passage: Passage | None = None


class Remote:
    """The other side of one repository."""

    def __init__(
        self,
        address: GitAddress,
        program: GitProgram,
        settings: GitSettings,
        *,
        egress: Egress | None,
        credentials: Credentials | None,
        internal: frozenset[str],
        counted: Callable[[int], None],
    ) -> None:
        if egress is None and address.scheme != "file":
            raise ValueError("a repository on another host needs a way out")
        self.address = address
        self._program = program
        self._settings = settings
        self._egress = egress
        self._credentials = credentials
        self._internal = internal
        self._counted = counted
        self._turn = settings.turn_of(address.host)

    async def run(
        self,
        arguments: Sequence[str],
        *,
        git_dir: Path | None = None,
        watch: Callable[[], Awaitable[bool]] | None = None,
        keep: int | None = None,
        trace: bool = False,
    ) -> bytes | Failure:
        """Run git with the repository as its remote `origin`. What it printed, or how it failed.

        With `trace` what it printed is the packets of git's protocol that it saw.

        Raises Unavailable where git cannot run, a configured credential cannot be had, or too many others
        fetch for too long.
        """
        settings = self._settings
        await self._program.path()
        async with AsyncExitStack() as stack:
            await self._take_turn(stack)
            way = await self._way(stack)
            config = [*way.config, ("remote.origin.url", way.url)]
            if settings.ca_file is not None:
                config.append(("http.sslCAInfo", str(settings.ca_file.absolute())))
            environment = git_environment(
                self._program.home,
                git_dir=git_dir,
                allow=_ALLOWED[self.address.scheme],
                config=config,
                extra=way.extra,
            )
            if trace:
                environment["GIT_TRACE_PACKET"] = "2"
            bound, stderr, output, status = "", "", b"", 1
            try:
                ran = await self._program.run(
                    arguments, environment, timeout=settings.timeout, watch=watch, keep=keep
                )
                status, stderr, output = ran.status, ran.stderr, ran.output
            except RunLimit as limit:
                bound = limit.bound
            finally:
                if way.passage is not None:
                    self._counted(way.passage.received)
            if status == 0:
                return stderr.encode() if trace else output
            return self._failure(way, stderr, bound)

    async def _take_turn(self, stack: AsyncExitStack) -> None:
        patience = self._settings.patience
        try:
            async with asyncio.timeout(patience):
                await stack.enter_async_context(self._turn)
                await stack.enter_async_context(self._settings.slots)
        except TimeoutError:
            raise Unavailable(
                f"other fetches from repositories took all turns for {patience:g} s",
                where=self.address.shown,
                next_step="try again later; vcs.concurrency and vcs.timeout bound them",
                kind="overloaded",
                retry_after=patience,
            ) from None

    def _failure(self, way: _Way, stderr: str, bound: str) -> Failure:
        settings = self._settings
        refusals = list(way.passage.refusals) if way.passage is not None else []
        quota = str(settings.max_repository)
        if way.passage is not None and (
            way.passage.received >= settings.max_repository or any(quota in text for text in refusals)
        ):
            bound = bound or "size"
        return Failure(
            self.address,
            _without(stderr, way),
            refusals,
            way.credential,
            way.secret,
            bound,
            settings.timeout,
            settings.max_repository,
        )

    async def _way(self, stack: AsyncExitStack) -> _Way:
        address = self.address
        if address.scheme == "file":
            return _Way(address.url, [], await asyncio.to_thread(self._trusted))
        assert self._egress is not None
        passage = await stack.enter_async_context(
            self._egress.passage(quota=self._settings.max_repository, internal=self._internal)
        )
        if address.scheme == "ssh":
            access = self._credentials.ssh(address.netloc) if self._credentials is not None else SshAccess()
            extra = {**passage.environment, **ssh_environment(access, passage.proxy_command)}
            return _Way(address.as_user(access.user), [], extra, access.source or "of ssh", "", passage)
        way = _Way(address.url, [("http.proxy", passage.proxy)], {}, passage=passage)
        if address.scheme == "https" and self._credentials is not None:
            found = await self._credentials.https(address.host, address.port, address.path)
            if found is not None:
                way.secret = found.password.reveal()
                if any(ord(char) < 0x20 for char in found.username + way.secret):
                    # Git and its helper speak in lines.
                    raise Unavailable(
                        "the credential holds a line break or another control character",
                        where=address.shown,
                        next_step=f"check {found.source}",
                        kind="bad-answer",
                    )
                way.credential = found.source
                way.config.append((f"credential.https://{address.netloc}.helper", _HELPER))
                way.extra["MODGATE_GIT_USERNAME"] = found.username or "git"
                way.extra["MODGATE_GIT_PASSWORD"] = way.secret
        return way

    def _trusted(self) -> dict[str, str]:
        # Git takes all GIT_CONFIG_* variables from the side of a fetch that serves a local path, but
        # not the name of the file. The operator named this folder, whoever owns it.
        escaped = self.address.path.replace("\\", "\\\\").replace('"', '\\"')
        text = f'[safe]\n\tdirectory = "{escaped}"\n\tdirectory = "{escaped}/.git"\n'.encode(
            errors="surrogateescape"
        )
        path = self._program.home / f"trusted-{hashlib.sha256(text).hexdigest()}"
        if not path.exists():
            descriptor, temporary = tempfile.mkstemp(dir=self._program.home)
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
            Path(temporary).replace(path)
        return {"GIT_CONFIG_GLOBAL": str(path)}


def _without(stderr: str, way: _Way) -> str:
    """What git said without the secret in the forms in which a server may repeat it."""
    if not way.secret:
        return stderr
    pair = f"{way.extra['MODGATE_GIT_USERNAME']}:{way.secret}".encode()
    for form in (base64.b64encode(pair).decode("ascii"), quote(way.secret, safe=""), quote(way.secret)):
        stderr = stderr.replace(form, "***")
    return stderr
