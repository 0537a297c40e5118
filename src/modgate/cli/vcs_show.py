"""How a version that was made looks: a few facts, or the document for machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.table import Table

from modgate.cli.progress import Progress
from modgate.cli.speech import console, errors_console
from modgate.gomod.info import encode_info
from modgate.wiring.client import monotonic

if TYPE_CHECKING:
    from modgate.cli.vcs_ask import Got
    from modgate.messages import Catalogue

__all__ = ["document", "show_version", "waiting"]


def document(got: Got) -> dict[str, Any]:
    """The four facts, as `--json` prints them."""
    return {
        "info": json.loads(encode_info(got.info)),
        "h1": got.h1,
        "h1_mod": got.h1_mod,
        "size": got.size,
    }


def show_version(got: Got, say: Catalogue) -> None:
    """Print it."""
    origin = got.info.origin or {}
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row(say("vcs.head.module"), got.path)
    facts.add_row(say("vcs.head.version"), got.info.version)
    facts.add_row(say("vcs.head.time"), got.info.time)
    for head, key in (("repository", "URL"), ("folder", "Subdir"), ("commit", "Hash"), ("ref", "Ref")):
        if origin.get(key):
            facts.add_row(say(f"vcs.head.{head}"), str(origin[key]))
    facts.add_row("h1", got.h1)
    facts.add_row("h1 go.mod", got.h1_mod)
    facts.add_row(say("vcs.head.zip"), say("vcs.text.zip", size=f"{got.size:,}", files=f"{got.files:,}"))
    if got.target is not None:
        facts.add_row(say("vcs.head.written"), str(got.target))
    console().print(facts)


def waiting(say: Catalogue, module: str) -> Progress:
    """The line that a terminal shows while the repository is asked."""
    progress = Progress(errors_console(), monotonic)
    progress.say = lambda seconds: say("vcs.text.waiting", module=module, seconds=seconds)
    return progress
