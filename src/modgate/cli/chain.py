"""`modgate chain`: what go does with a GOPROXY chain, entry by entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import run_app
from modgate.cli.speech import AsJson, Lang, catalogue, errors_console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.cli.chain_show import Story
    from modgate.client.chain.ask import Given
    from modgate.client.chain.rehearse import Observed
    from modgate.client.chain.rules import Answer
    from modgate.client.faults.kinds import FaultSpec
    from modgate.client.machine.settings import GoSettings
    from modgate.gomod.proxylist import ProxyEntry
    from modgate.gomod.types import ModuleVersion

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"max_content_width": 80}, help=text("chain.help.command"))
def chain(
    given: Annotated[str | None, typer.Argument(metavar="CHAIN", help=text("chain.help.chain"))] = None,
    module: Annotated[
        str | None, typer.Argument(metavar="MODULE@VERSION", help=text("chain.help.module"))
    ] = None,
    *,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="ENTRY=FAULT", help=text("chain.help.fault"))
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            "--patience", metavar="SECONDS", min=0.1, show_default=False, help=text("chain.help.patience")
        ),
    ] = 15.0,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Explain a chain, ask it, or rehearse it."""
    import asyncio  # noqa: PLC0415  not needed for --help

    say = catalogue(lang)
    story = asyncio.run(_told(given, module, fault or [], patience))
    from modgate.cli.chain_show import document, show  # noqa: PLC0415  rich stays off --help

    if as_json:
        print_json(document(story, say))
    else:
        show(story, say)
    raise typer.Exit(0 if story.good else FAILED)


async def _told(given: str | None, module: str | None, faults: Sequence[str], patience: float) -> Story:
    from modgate.cli.chain_show import Story  # noqa: PLC0415  rich stays off --help
    from modgate.client.machine.goenv import read_go_settings  # noqa: PLC0415  likewise
    from modgate.client.machine.lint_goproxy import lint_goproxy  # noqa: PLC0415  likewise
    from modgate.errors import Invalid  # noqa: PLC0415  likewise
    from modgate.gomod.proxylist import parse_proxy_list  # noqa: PLC0415  likewise
    from modgate.messages import Message  # noqa: PLC0415  likewise
    from modgate.wiring.client import local_host  # noqa: PLC0415  likewise

    settings = await read_go_settings(local_host())
    chain_text = given or settings["GOPROXY"]
    source = settings.source("GOPROXY") if given is None else Message("chain.source")
    story = Story(chain_text, lint=lint_goproxy(chain_text, source))
    try:
        story.entries = parse_proxy_list(chain_text)
    except Invalid as error:
        story.broken = " ".join(error.lines())
        return story
    try:
        story.version = _version(module)
        story.faults = _staging(faults, story.entries)
    except Invalid as error:
        errors_console().print(f"modgate: {'; '.join(error.lines())}", soft_wrap=True)
        raise typer.Exit(USAGE) from None
    await _complete(story, settings, patience)
    return story


async def _complete(story: Story, settings: GoSettings, patience: float) -> None:
    """Ask the entries, predict, and rehearse where that was asked for."""
    from modgate.client.chain.ask import ask_entries  # noqa: PLC0415  TLS stays off --help
    from modgate.client.chain.rules import download  # noqa: PLC0415
    from modgate.gomod.patterns import match_prefix_patterns  # noqa: PLC0415
    from modgate.wiring.client import prober  # noqa: PLC0415

    if story.version is not None:
        story.private = match_prefix_patterns(settings["GONOPROXY"], story.version.path)
        story.asked = await ask_entries(prober(), story.entries, story.version)
    if story.version is None and not story.faults:
        return
    story.predicted = download(story.entries, _answers(story.entries, story.faults, story.asked))
    if story.faults:
        story.observed = await _rehearse(story, patience)


def _answers(
    entries: Sequence[ProxyEntry],
    faults: Mapping[int, FaultSpec],
    asked: Mapping[tuple[int, str], Given],
) -> _Answers:
    return _Answers(entries, faults, asked)


class _Answers:
    """The answer of each entry: staged, else as asked, else a healthy proxy's (a drill has no others)."""

    def __init__(
        self,
        entries: Sequence[ProxyEntry],
        faults: Mapping[int, FaultSpec],
        asked: Mapping[tuple[int, str], Given],
    ) -> None:
        self._entries = entries
        self._faults = faults
        self._asked = asked

    def __call__(self, index: int, endpoint: str) -> Answer:
        from modgate.client.chain.rules import Answer, answer_of  # noqa: PLC0415  not needed for --help
        from modgate.gomod.proxylist import EntryKind  # noqa: PLC0415  likewise

        if self._entries[index].kind is not EntryKind.PROXY:
            # The drill's module has no origin; of a real one nothing is known before git was asked.
            return Answer.UNKNOWN if self._asked else Answer.ERROR
        spec = self._faults.get(index)
        real = self._asked[index, endpoint].answer if self._asked else Answer.GOOD
        return answer_of(spec, endpoint) if spec is not None and spec.hits(endpoint) else real


async def _rehearse(story: Story, patience: float) -> Observed:
    import asyncio  # noqa: PLC0415  not needed for --help
    import time  # noqa: PLC0415  likewise

    from modgate.client.chain.rehearse import observe  # noqa: PLC0415  likewise
    from modgate.client.chain.staging import staged  # noqa: PLC0415  likewise
    from modgate.client.faults.content import DRILL, DrillContent, UpstreamContent  # noqa: PLC0415  aiohttp
    from modgate.client.faults.server import FaultServer, Served  # noqa: PLC0415  aiohttp
    from modgate.wiring.client import local_host  # noqa: PLC0415

    silent = asyncio.Event()

    def seen(served: Served) -> None:
        if served.did in {"timeout", "stall", "tls-timeout"}:
            silent.set()

    host = local_host()
    environ = dict(host.environ)
    go = host.which("go")
    if go is None:
        from modgate.errors import Absent  # noqa: PLC0415

        raise Absent("a rehearsal needs the go command, which is not on PATH")
    real = story.version is not None
    contents = {index: UpstreamContent(story.entries[index].url) for index in story.faults} if real else {}
    async with FaultServer(DrillContent(), clock=time.monotonic, seen=seen) as server:
        entries = await staged(server, story.entries, story.faults, everything=not real, contents=contents)
        if not real:
            # `direct` would ask example.com; a drill leaves the machine alone.
            environ |= {"HTTPS_PROXY": await server.nowhere(), "NO_PROXY": "127.0.0.1"}
        waits = story.predicted is not None and story.predicted.waits
        return await observe(
            str(go),
            entries,
            str(story.version or DRILL),
            environ=environ,
            patience=patience,
            silent=silent if waits else None,
        )


def _version(module: str | None) -> ModuleVersion | None:
    from modgate.errors import Invalid  # noqa: PLC0415  not needed for --help
    from modgate.gomod.module import check  # noqa: PLC0415  likewise

    if module is None:
        return None
    path, at, version = module.partition("@")
    if not at:
        raise Invalid(f"{path} names no version", next_step=f"Write {path}@v1.2.3.")
    return check(path, version)


def _staging(faults: Sequence[str], entries: Sequence[ProxyEntry]) -> dict[int, FaultSpec]:
    from modgate.client.chain.staging import parse_staging  # noqa: PLC0415  not needed for --help

    return parse_staging(faults, entries)


def run(args: Sequence[str]) -> int:
    """Run `modgate chain` with these arguments."""
    return run_app(app, "chain", args)
