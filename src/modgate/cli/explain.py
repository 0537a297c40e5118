"""`modgate explain`: which setting wins, where it stands, and what it hides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.explain.explain import Wish
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"max_content_width": 80}, help=text("explain.help.about"))
def explain(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[VAR|KEY]", help=text("explain.help.names"))
    ] = None,
    *,
    consumer: Annotated[
        str, typer.Option("--for", metavar="CONSUMER", show_default=False, help=text("explain.help.consumer"))
    ] = "terminal",
    everything: Annotated[bool, typer.Option("--all", help=text("explain.help.everything"))] = False,
    editor: Annotated[
        str, typer.Option("--editor", metavar="NAME", show_default=False, help=text("explain.help.editor"))
    ] = "",
    experiment: Annotated[bool, typer.Option("--experiment", help=text("explain.help.experiment"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Explain the settings."""
    import asyncio  # noqa: PLC0415  what follows is not needed for --help

    from modgate.client.explain.document import document  # noqa: PLC0415
    from modgate.client.explain.explain import explain as explained  # noqa: PLC0415
    from modgate.errors import Invalid  # noqa: PLC0415
    from modgate.wiring.client import clock, local_host  # noqa: PLC0415

    say = catalogue(lang)
    if experiment:
        raise typer.Exit(_experiment(say, as_json=as_json))
    try:
        wish = _wish(names or (), consumer, editor, everything=everything)
        explanation = asyncio.run(explained(local_host(), wish, clock))
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if as_json:
        print_json(document(explanation, say.say))
        return
    from modgate.cli.explain_show import show  # noqa: PLC0415  rich

    show(explanation, say, console(), local_host(), detailed=bool(names))


def _wish(names: Sequence[str], consumer: str, editor: str, *, everything: bool) -> Wish:
    """What was asked for. Raises Invalid for a consumer or a name that cannot be."""
    from modgate.client.explain.explain import Wish, checked_names  # noqa: PLC0415  not needed for --help
    from modgate.client.explain.model import Consumer  # noqa: PLC0415
    from modgate.errors import Invalid  # noqa: PLC0415
    from modgate.gomod.texts import shown  # noqa: PLC0415

    known = [known.value for known in Consumer]
    if consumer not in known:
        raise Invalid(f"--for {shown(consumer)}: no such consumer", next_step=f"Known: {', '.join(known)}.")
    return Wish(checked_names(names), Consumer(consumer), everything, editor)


def _experiment(say: Catalogue, *, as_json: bool) -> int:
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.client.explain.experiment import experiment_json, run_experiment  # noqa: PLC0415  aiohttp
    from modgate.wiring.client import local_host  # noqa: PLC0415

    observed = asyncio.run(run_experiment(local_host()))
    if as_json:
        print_json(experiment_json(observed))
    else:
        from modgate.cli.explain_show import show_experiment  # noqa: PLC0415  rich

        show_experiment(observed, say, console())
    return 0 if observed.agrees else FAILED


def run(args: Sequence[str]) -> int:
    """Run `modgate explain` with these arguments."""
    return run_app(app, "explain", args)
