"""`modgate faults`: a GOPROXY on loopback that fails as told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli.options import run_app
from modgate.cli.speech import Lang, catalogue, console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from modgate.client.faults.content import Content
    from modgate.client.faults.kinds import FaultSpec
    from modgate.client.faults.server import Rules, Served
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"max_content_width": 80}, help=text("faults.help.command"))
def faults(
    chosen: Annotated[
        list[str] | None, typer.Argument(metavar="FAULT", help=text("faults.help.fault"))
    ] = None,
    *,
    port: Annotated[
        int, typer.Option("--port", show_default=False, metavar="N", help=text("faults.help.port"))
    ] = 0,
    upstream: Annotated[
        str | None, typer.Option("--upstream", metavar="URL|FOLDER", help=text("faults.help.upstream"))
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="ENDPOINT", help=text("faults.help.only"))
    ] = None,
    module: Annotated[str, typer.Option("--module", metavar="PATTERN", help=text("faults.help.module"))] = "",
    after: Annotated[
        int, typer.Option("--after", show_default=False, metavar="N", min=0, help=text("faults.help.after"))
    ] = 0,
    rate: Annotated[
        int, typer.Option("--rate", show_default=False, metavar="BYTES", min=1, help=text("faults.help.rate"))
    ] = 16384,
    delay: Annotated[
        float,
        typer.Option("--delay", show_default=False, metavar="SECONDS", min=0, help=text("faults.help.delay")),
    ] = 1.0,
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0, help=text("faults.help.seconds"))
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help=text("faults.help.list"))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=text("faults.help.json"))] = False,
    lang: Lang = None,
) -> None:
    """Serve faults until interrupted."""
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.client.faults.kinds import ENDPOINTS, parse_fault  # noqa: PLC0415  likewise
    from modgate.client.faults.server import Rules  # noqa: PLC0415  aiohttp stays off --help
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    say = catalogue(lang)
    if listing:
        _list(say, as_json=as_json)
        return
    try:
        specs = [parse_fault(name) for name in chosen or ["404"]]
    except Invalid as error:
        raise typer.BadParameter(" ".join(error.lines())) from None
    if wrong := [name for name in only or () if name not in ENDPOINTS]:
        raise typer.BadParameter(f"there is no endpoint {wrong[0]}; known: {', '.join(ENDPOINTS)}")
    rules = Rules(module, after, frozenset(only or ()), rate, delay)
    asyncio.run(_serve(specs, rules, upstream, port, seconds, say, as_json=as_json))


def _list(say: Catalogue, *, as_json: bool) -> None:
    from modgate.client.faults.kinds import FAULTS  # noqa: PLC0415  not needed for --help

    rows = [(name, fault, say(f"faults.kind.{name}")) for name, fault in FAULTS.items()]
    if as_json:
        print_json(
            {
                "schema": 1,
                "faults": [
                    {"name": name, "means": fault.means.value, "status": fault.status or None, "text": line}
                    for name, fault, line in rows
                ],
            }
        )
        return
    from rich.table import Table  # noqa: PLC0415  rich stays off --help

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, _, line in rows:
        table.add_row(name, line)
    out = console()
    out.print(table)
    out.print()
    out.print(say("faults.list.after"))


async def _serve(  # noqa: PLR0917  what the options say
    specs: Sequence[FaultSpec],
    rules: Rules,
    upstream: str | None,
    port: int,
    seconds: float | None,
    say: Catalogue,
    *,
    as_json: bool,
) -> None:
    import asyncio  # noqa: PLC0415  not needed for --help
    from contextlib import suppress  # noqa: PLC0415  likewise

    from modgate.client.faults.server import FaultServer  # noqa: PLC0415  aiohttp stays off --help

    out = console()
    begun = time.monotonic()
    totals = {"asked": 0, "failed": 0}

    def seen(served: Served) -> None:
        totals["asked"] += 1
        totals["failed"] += served.did != "ok"
        if as_json:
            _print_line(served, begun)
        else:
            out.print(_line(served, begun, say), soft_wrap=True)

    server = FaultServer(_content(upstream), clock=time.monotonic, rules=rules, seen=seen)
    try:
        await server.start(port)
        urls = [await server.url(spec) for spec in specs]
        if as_json:
            _print_ready(specs, urls, server.origin)
        else:
            _show_ready(specs, urls, server.origin, say, own=upstream is None)
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(seconds if seconds is not None else 1e9)
    finally:
        await server.close()
        if not as_json:
            out.print(say("faults.ready.bye", asked=totals["asked"], failed=totals["failed"]))


def _content(upstream: str | None) -> Content:
    from pathlib import Path  # noqa: PLC0415  not needed for --help

    from modgate.client.faults.content import DrillContent, FolderContent, UpstreamContent  # noqa: PLC0415

    if upstream is None:
        return DrillContent()
    if upstream.startswith(("http://", "https://")):
        return UpstreamContent(upstream)
    folder = Path(upstream.removeprefix("file://"))
    if not folder.is_dir():
        raise typer.BadParameter(
            f"{upstream} is neither a folder nor an http(s) URL", param_hint="--upstream"
        )
    return FolderContent(folder)


def _line(served: Served, begun: float, say: Catalogue) -> Text:
    from rich.text import Text  # noqa: PLC0415  rich stays off --help

    made = Text(f"{served.at - begun:8.2f}s  ")
    well = served.did == "ok"
    made.append(f"{served.did:<14}", "green" if well else "red")
    status = str(served.status or "-")
    made.append(f" {status:>3}  ")
    made.append(_shown(served.path) or say("faults.ready.no_request"), "dim" if well else "")
    return made


def _shown(path: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in path)[:160]


def _print_line(served: Served, begun: float) -> None:
    import json  # noqa: PLC0415  not needed for --help

    row = {
        "seconds": round(served.at - begun, 3),
        "fault": str(served.spec),
        "did": served.did,
        "status": served.status or None,
        "endpoint": served.endpoint or None,
        "path": served.path,
    }
    print(json.dumps(row, ensure_ascii=False), flush=True)


def _print_ready(specs: Sequence[FaultSpec], urls: Sequence[str], origin: str) -> None:
    import json  # noqa: PLC0415  not needed for --help

    from modgate.client.faults.content import DRILL  # noqa: PLC0415  aiohttp stays off --help

    faults = [{"fault": str(spec), "url": url} for spec, url in zip(specs, urls, strict=True)]
    ready = {"schema": 1, "ok": f"{origin}/ok", "faults": faults, "module": str(DRILL)}
    print(json.dumps(ready, ensure_ascii=False), flush=True)


def _show_ready(
    specs: Sequence[FaultSpec], urls: Sequence[str], origin: str, say: Catalogue, *, own: bool
) -> None:
    from modgate.client.faults.content import DRILL  # noqa: PLC0415  aiohttp stays off --help

    out = console()
    out.print(say("faults.ready.title", origin=origin), style="bold")
    for spec, url in zip(specs, urls, strict=True):
        out.print(f"  {spec!s:<14} {url}", soft_wrap=True)
        out.print(f"  {'':<14} {say(f'faults.kind.{spec.fault.name}')}", style="dim")
    out.print(f"  {'ok':<14} {origin}/ok", soft_wrap=True)
    chain = "|".join([*urls, f"{origin}/ok"])
    exempt = f" GONOSUMDB={DRILL.path}" if own else ""
    module = str(DRILL) if own else "MODULE@VERSION"
    lines = (
        (
            "faults.ready.sh",
            (
                f"GOPROXY='{chain}'{exempt} GOMODCACHE=$(mktemp -d) GOFLAGS=-modcacherw"
                f" go mod download -x {module}"
            ),
        ),
        (
            "faults.ready.powershell",
            f"$env:GOPROXY='{chain}'; "
            + (f"$env:GONOSUMDB='{DRILL.path}'; " if own else "")
            + f'$env:GOMODCACHE="$env:TEMP\\drill"; go mod download -x {module}',
        ),
        ("faults.ready.vscode", f'"go.toolsEnvVars": {{"GOPROXY": "{chain}"}}'),
    )
    for key, line in lines:
        out.print()
        out.print(say(key), style="bold")
        out.print(line, soft_wrap=True)
    out.print()
    out.print(say("faults.ready.stop"))


def run(args: Sequence[str]) -> int:
    """Run `modgate faults` with these arguments."""
    return run_app(app, "faults", args)
