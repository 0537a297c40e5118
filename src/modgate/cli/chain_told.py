"""What `modgate chain` finds out before it speaks: the list, the answers, the prediction, the rehearsal."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from modgate.cli.chain_story import Story
from modgate.client.chain.agreement import judge
from modgate.client.chain.ask import ask_entries, ask_latest
from modgate.client.chain.expected import expected, unreachable, visible
from modgate.client.chain.rehearse import observe
from modgate.client.chain.rules import Answer, answer_of, download, download_latest
from modgate.client.chain.staging import parse_staging, staged
from modgate.client.machine.goenv import read_go_settings
from modgate.client.machine.lint_goproxy import lint_goproxy
from modgate.errors import Absent, Invalid
from modgate.gomod.module import check, check_path, path_major_prefix, split_path_version
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.proxylist import parse_proxy_list
from modgate.gomod.query import is_revision_query
from modgate.gomod.semver import is_valid, sort_key
from modgate.gomod.texts import shown
from modgate.messages import Message
from modgate.wiring.client import local_host, prober

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.client.chain.ask import Given
    from modgate.client.chain.rehearse import Observed
    from modgate.client.faults.content import Content
    from modgate.client.net.prober import Prober
    from modgate.gomod.types import ModulePath, ModuleVersion

__all__ = ["told"]

_SILENT = {"timeout", "stall", "tls-timeout"}
_LONG = {"tls-timeout": 10.5, "dns": 10.5}
"""Seconds that go itself may need for one answer."""


async def told(given: str | None, module: str | None, faults: Sequence[str], patience: float) -> Story:
    """The whole story of a chain. Raises Invalid for a slip on the command line."""
    settings = await read_go_settings(local_host())
    text = given or settings["GOPROXY"]
    source = settings.source("GOPROXY") if given is None else Message("chain.source")
    story = Story(text, lint=lint_goproxy(text, source))
    try:
        story.entries = parse_proxy_list(text)
    except Invalid as error:
        story.broken = " ".join(error.lines())
        return story
    story.path, story.version = _wanted(module)
    story.faults = parse_staging(faults, story.entries)
    if story.path is not None:
        story.private = match_prefix_patterns(settings["GONOPROXY"], story.path)
        await _ask(story, prober())
    if story.path is None and not story.faults:
        return story
    asked = story.asked if story.path is not None else None
    answers = expected(story.entries, story.faults, asked, story.made_up)
    if story.latest:
        story.predicted = download_latest(story.entries, answers, commits=_with_commits(story, story.asked))
    else:
        story.predicted = download(story.entries, answers)
    if story.faults:
        story.observed = await _rehearse(story, patience)
        ours = story.made_up if story.path is not None else range(len(story.entries))
        whole = {index for index, spec in story.faults.items() if not visible(spec)}
        story.verdict = judge(story.staged, story.predicted, story.observed, ours={*ours, *whole})
    return story


def _wanted(module: str | None) -> tuple[ModulePath | None, ModuleVersion | None]:
    """The module, and its version unless the latest is meant."""
    if module is None:
        return None, None
    path, at, version = module.partition("@")
    if not at or version == "latest":
        return check_path(path), None
    if not is_revision_query(version):
        raise Invalid(
            f"{shown(version)} is a choice among versions, which a chain cannot be followed for",
            next_step=f"Write {path}@latest, or one version such as {path}@v1.2.3.",
        )
    if not is_valid(version):
        raise Invalid(
            f"{shown(version)} names a branch, a tag or a commit, not a version",
            next_step=f"`go list -m {path}@{version}` says which version that is; then {path}@THAT-VERSION.",
        )
    wanted = check(path, version)
    return wanted.path, wanted


async def _ask(story: Story, probes: Prober) -> None:
    """Ask every entry; for the latest version first which one that is."""
    assert story.path is not None
    if story.version is not None:
        story.asked = await ask_entries(probes, story.entries, story.version)
        story.made_up = unreachable(story.faults, story.asked)
        return
    story.latest = True
    asked = dict(await ask_latest(probes, story.entries, story.path))
    story.made_up = unreachable(story.faults, asked)
    known = [one.version for (index, _), one in asked.items() if one.version and index not in story.made_up]
    story.synthetic = check(story.path, max(known, key=sort_key, default=_first_version(story.path)))
    answers = expected(story.entries, story.faults, asked, story.made_up)
    query = download_latest(story.entries, answers, commits=_with_commits(story, asked)).walks[0]
    if query.used is None:
        story.asked = asked
        return
    named = [asked[key].version for key in query.followed if key[0] == query.used and key in asked]
    small = query.used in story.made_up
    version = story.synthetic.version if small else next(name for name in reversed(named) if name)
    story.version = check(story.path, version)
    story.asked = asked | dict(
        await ask_entries(probes, story.entries, story.version, endpoints=("mod", "zip"))
    )


def _with_commits(story: Story, asked: Mapping[tuple[int, str], Given]) -> set[int]:
    """The entries whose lists hold pseudo-versions, as go gets to see them."""
    hidden = {index for index, spec in story.faults.items() if answer_of(spec, "list") is Answer.EMPTY}
    holding = {index for (index, endpoint), given in asked.items() if endpoint == "list" and given.commit}
    return holding - hidden - story.made_up


def _first_version(path: ModulePath) -> str:
    """A version that this path may have: its major version is part of it."""
    major = path_major_prefix(split_path_version(path)[1]) or "v1"
    return f"{major.partition('-')[0]}.0.0"


async def _rehearse(story: Story, patience: float) -> Observed:
    from modgate.client.faults.content import DRILL, DrillContent  # noqa: PLC0415  aiohttp
    from modgate.client.faults.server import FaultServer, Served  # noqa: PLC0415  likewise

    silent = asyncio.Event()

    def seen(served: Served) -> None:
        if served.did in _SILENT:
            silent.set()

    host = local_host()
    environ = dict(host.environ)
    go = host.which("go")
    if go is None:
        raise Absent("a rehearsal needs the go command, which is not on PATH")
    assert story.predicted is not None
    drill = story.path is None
    small = DRILL if drill else (story.synthetic or story.version or DRILL)
    contents = {} if drill else {index: _behind(story, index, small) for index in story.faults}
    async with FaultServer(DrillContent(small), clock=time.monotonic, seen=seen) as server:
        story.staged = await staged(server, story.entries, story.faults, everything=drill, contents=contents)
        if drill:
            # `direct` would ask example.com; a drill leaves the machine alone.
            environ |= {"HTTPS_PROXY": await server.nowhere(), "NO_PROXY": "127.0.0.1"}
        return await observe(
            str(go),
            story.staged,
            str(DRILL) if drill else f"{story.path}@latest" if story.latest else str(story.version),
            environ=environ,
            patience=patience + _needed(story),
            silent=silent if story.predicted.waits else None,
        )


def _behind(story: Story, index: int, small: ModuleVersion) -> Content:
    """What stands behind the fault of an entry."""
    from modgate.client.faults.content import (  # noqa: PLC0415  aiohttp
        DrillContent,
        FolderContent,
        UpstreamContent,
    )

    url = story.entries[index].url
    if index in story.made_up:
        return DrillContent(small)
    if url.startswith("file://"):
        return FolderContent(Path(unquote(url.removeprefix("file://"))))
    return UpstreamContent(url)


def _needed(story: Story) -> float:
    """Seconds that go may spend on its own time limits before it is done as predicted."""
    assert story.predicted is not None
    asked = [index for steps in story.predicted.asked.values() for index in steps]
    spent = 0.0
    for index in asked:
        spec = story.faults.get(index)
        failure = next(
            (one.failure for (place, _), one in story.asked.items() if place == index and one.failure), None
        )
        if spec is not None:
            spent += _LONG.get(spec.fault.name, 0.0)
        elif failure is not None and failure.kind.value in {"timeout", "stall"}:
            spent += 30.5
    return spent
