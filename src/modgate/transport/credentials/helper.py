"""git's credential helpers, asked by git's own protocol: a name and a host in, a password out.

The helper is the operator's program and is given the operator's environment, since it finds its store
there (HOME, the session bus, a cloud's settings). Taken away is what is not for it: variables that
redirect git, the gate's own settings, the tokens of other hosts. It cannot ask a person, it runs in a
folder that belongs to no repository, and what it prints is read and never repeated.

It is only asked (`get`). `store` and `erase` are never sent: one refused repository does not prove a
password wrong, and the operator's store is not the gate's to change.
Source: gitcredentials(7), git-credential(1), INPUT/OUTPUT FORMAT.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
from typing import TYPE_CHECKING

from modgate.errors import Invalid, Unavailable
from modgate.model.credentials import Credential, Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["GitHelper", "helper_command", "helper_environment"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
_MAX_OUTPUT = 64 << 10
_ROOT = os.path.abspath(os.sep)  # noqa: PTH100  of the present drive, on Windows
_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "",
    "SSH_ASKPASS": "",
    "GCM_INTERACTIVE": "never",
    "LC_ALL": "C",
}


def helper_command(helper: str, git: str = "git") -> list[str]:
    """The program and its arguments, without a shell. Raises Invalid.

    `store --file=/x` is `git credential-store --file=/x`; an absolute path is the program itself.
    """
    try:
        words = shlex.split(helper)
    except ValueError:
        words = []
    if words and os.path.isabs(words[0]):  # noqa: PTH117  a text of the configuration, not yet a path
        return words
    if words and _NAME.match(words[0]):
        return [git, f"credential-{words[0]}", *words[1:]]
    # It is not shown: a snippet of shell may hold a password.
    raise Invalid(
        "the helper of an entry of [[credentials]] is neither a name nor an absolute path",
        next_step="Name one (store, cache, libsecret, osxkeychain, manager) or an absolute path; "
        "snippets of shell (!…) are not run.",
    )


def helper_environment(environ: Mapping[str, str], secret: Collection[str] = ()) -> dict[str, str]:
    """The environment of a helper; `secret` names variables that hold tokens."""
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("GIT_", "MODGATE_")) and name not in secret
    }
    return kept | _QUIET


class GitHelper:
    """One helper for one host.

    Args:
        command: As of `helper_command`.
        environ: As of `helper_environment`.
        label: What error texts call it.
        seconds: How long it may take.
    """

    def __init__(
        self, command: list[str], environ: Mapping[str, str], *, label: str, seconds: float = 20.0
    ) -> None:
        self._command = command
        self._environ = environ
        self._label = label
        self._seconds = seconds

    async def get(self, host: str, path: str, username: str = "") -> tuple[Credential, float | None]:
        """The credential, and when it expires (Unix seconds) where the helper says so.

        1. Asked with the path, for helpers that tell repositories apart.
        2. Asked again without it, as git does by itself, for those that keep one password a host: they
           find nothing when a path is asked for that they were never given.

        Raises Unavailable.
        """
        wanted = {"protocol": "https", "host": host, "path": path.lstrip("/"), "username": username}
        for omitted in ("", "path"):
            if omitted and not wanted["path"]:
                continue
            answer = await self._run(
                {name: text for name, text in wanted.items() if text and name != omitted}
            )
            if answer.get("password") and not _elsewhere(answer, host):
                password = Secret(answer["password"])
                found = Credential(answer.get("username", username), password, self._label)
                return found, _moment(answer.get("password_expiry_utc", ""))
            if answer.get("quit", "") in {"1", "true"}:
                break
        raise self._failed(f"it has no password for {host}")

    async def _run(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Its answer by name; empty where it has none."""
        if any("\n" in text or "\r" in text or "\0" in text for text in wanted.values()):
            raise self._failed("the address holds a line break")
        asked = "".join(f"{name}={text}\n" for name, text in wanted.items()) + "\n"
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                "get",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=dict(self._environ),
                cwd=_ROOT,
                start_new_session=True,
            )
        except OSError as error:
            raise self._failed(f"it does not start: {error.strerror or type(error).__name__}") from None
        try:
            async with asyncio.timeout(self._seconds):
                return _parsed(await self._spoken(process, asked.encode()))
        except TimeoutError:
            raise self._failed(f"it did not answer within {self._seconds:g} s", kind_timeout=True) from None
        finally:
            _end(process)
            await process.wait()

    async def _spoken(self, process: asyncio.subprocess.Process, asked: bytes) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(ConnectionError):  # one that knows its answer need not listen
            process.stdin.write(asked)
            await process.stdin.drain()
        process.stdin.close()
        data = b""
        while piece := await process.stdout.read(_MAX_OUTPUT):
            data += piece
            if len(data) > _MAX_OUTPUT:
                raise self._failed("it says more than a helper has to say")
        return data

    def _failed(self, why: str, *, kind_timeout: bool = False) -> Unavailable:
        return Unavailable(
            f"the {self._label} gives no credential: {why}",
            next_step="As the gate's user, see whether it answers without asking: "
            "printf 'protocol=https\\nhost=HOST\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill",
            kind="timeout" if kind_timeout else "bad-answer",
        )


def _parsed(data: bytes) -> dict[str, str]:
    """Lines `name=text` until an empty one; others are left out, as git does with what it does not know."""
    found: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").split("\n"):
        text = line.removesuffix("\r")
        if not text:
            break
        name, equals, value = text.partition("=")
        if equals and value.isprintable():
            found[name] = value
    return found


def _elsewhere(answer: Mapping[str, str], host: str) -> bool:
    """Whether a helper answers for another host or protocol than it was asked for."""
    return answer.get("host", host).lower() != host.lower() or answer.get("protocol", "https") != "https"


def _moment(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _end(process: asyncio.subprocess.Process) -> None:
    """What it started ends with it."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
