"""`modgate explain`: which setting wins, where it stands, and what it hides.

It is asked often and answers at once, so a command line without a slip is read here; only `--help` and slips
go to the option parser, whose import alone takes longer than the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modgate.cli import FAILED, USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.explain.explain import Wish
    from modgate.messages import Catalogue

__all__ = ["Order", "carry_out", "read_order", "run"]

_FLAGS = {"--all": "everything", "--experiment": "experiment", "--json": "as_json"}
_VALUES = {"--for": "consumer", "--editor": "editor", "--lang": "lang"}


@dataclass(frozen=True, slots=True)
class Order:
    """A command line."""

    names: tuple[str, ...] = ()
    consumer: str = "terminal"
    everything: bool = False
    editor: str = ""
    experiment: bool = False
    as_json: bool = False
    lang: str | None = None


def read_order(args: Sequence[str]) -> Order | None:
    """The order of a command line, None where the option parser has something to say about it."""
    given: dict[str, Any] = {}
    names: list[str] = []
    waiting = list(args)
    while waiting:
        word = waiting.pop(0)
        option, equals, value = word.partition("=")
        if word in _FLAGS:
            given[_FLAGS[word]] = True
        elif option in _VALUES and (equals or waiting):
            text = value if equals else waiting.pop(0)
            if text.startswith("-"):
                return None
            given[_VALUES[option]] = text
        elif word.startswith("-"):
            return None
        else:
            names.append(word)
    return Order(names=tuple(names), **given)


def carry_out(order: Order) -> int:
    """Explain what is asked for, and return the exit status."""
    import asyncio  # noqa: PLC0415  what follows is not needed for --help

    from modgate.cli.speech import catalogue, console, print_json  # noqa: PLC0415
    from modgate.client.explain.explain import explain  # noqa: PLC0415
    from modgate.errors import Invalid  # noqa: PLC0415
    from modgate.wiring.client import clock, local_host  # noqa: PLC0415

    say = catalogue(order.lang)
    host = local_host()
    try:
        wish = _wish(order)
        if order.experiment:
            return _experiment(say, as_json=order.as_json)
        explanation = asyncio.run(explain(host, wish, clock))
    except Invalid as error:
        from modgate.cli.options import tell  # noqa: PLC0415

        tell(error)
        return USAGE
    if order.as_json:
        from modgate.client.explain.document import document  # noqa: PLC0415

        print_json(document(explanation, say.say))
        return 0
    from modgate.cli.explain_show import show  # noqa: PLC0415  rich

    show(explanation, say, console(), host, detailed=bool(order.names))
    return 0


def _wish(order: Order) -> Wish:
    """What was asked for. Raises Invalid for a consumer or a name that cannot be."""
    from modgate.client.explain.explain import Wish, checked_names  # noqa: PLC0415  not needed for --help
    from modgate.client.explain.model import Consumer  # noqa: PLC0415
    from modgate.errors import Invalid  # noqa: PLC0415
    from modgate.gomod.texts import shown  # noqa: PLC0415

    known = [known.value for known in Consumer]
    if order.consumer not in known:
        words = f"--for {shown(order.consumer)}: no such consumer"
        raise Invalid(words, next_step=f"Known: {', '.join(known)}.")
    return Wish(checked_names(order.names), Consumer(order.consumer), order.everything, order.editor)


def _experiment(say: Catalogue, *, as_json: bool) -> int:
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.cli.speech import console, print_json  # noqa: PLC0415
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
    order = read_order(args)
    if order is not None:
        return carry_out(order)
    from modgate.cli.explain_command import app  # noqa: PLC0415  the option parser
    from modgate.cli.options import run_app  # noqa: PLC0415  likewise

    return run_app(app, "explain", args)
