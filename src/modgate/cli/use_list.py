"""`modgate use --list`: the mirrors, and every place that sets the three variables that matter most."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.cli.speech import console, print_json
from modgate.cli.use_lines import line
from modgate.client.configure.listing import rows
from modgate.client.machine.goenv import read_go_settings
from modgate.client.machine.shell_files import Shell, current_shell
from modgate.client.machine.showing import safe
from modgate.client.mirrors.known import bogus_mirrors, data_date, known_mirrors
from modgate.wiring.client import local_host

if TYPE_CHECKING:
    from rich.console import Console

    from modgate.cli.use_wish import Wish
    from modgate.messages import Catalogue

__all__ = ["show_list"]

_SHOWN = ("GOPROXY", "GOSUMDB", "GOPRIVATE")
_DATABASE = {"yes": "yes", "no": "no"}


def show_list(wish: Wish, say: Catalogue) -> int:
    """Print it; returns the exit status."""
    host = local_host()
    go = asyncio.run(read_go_settings(host))
    shell = Shell(wish.shell) if wish.shell else current_shell(host)
    found = {name: rows(host, go, shell, name) for name in _SHOWN}
    if wish.as_json:
        print_json(
            {
                "schema": 1,
                "kind": "modgate-use-list",
                "date": data_date(),
                "mirrors": [
                    {"name": mirror.name, "url": mirror.url, "operator": mirror.operator}
                    for mirror in known_mirrors()
                ],
                "settings": {
                    name: {
                        "value": safe(go[name]),
                        "source": go.source(name),
                        "places": [
                            {
                                "scope": row.kind,
                                "value": row.value,
                                "place": row.place,
                                "wins": row.wins,
                                "editor": row.editor or None,
                            }
                            for row in found[name]
                        ],
                    }
                    for name in _SHOWN
                },
            }
        )
        return 0
    out = console()
    _mirrors(go["GOPROXY"], out, say)
    for name in _SHOWN:
        out.print()
        out.print(say("use.list.now", name=name, value=safe(go[name]) or '""'), style="bold", soft_wrap=True)
        for row in found[name]:
            if row.wins:
                note = say("use.wins")
            elif row.editor:
                note = say("use.list.editor-only", editor=row.editor)
            else:
                note = say("use.list.new-terminals" if row.kind == "shell" else "use.list.shadowed")
            kind = say(f"use.kind.{row.kind}")
            line("→" if row.wins else " ", f"{kind}: {row.value}  {row.place}  ({note})", out, "green")
    out.print()
    out.print(say("use.list.example", name="goproxy.cn"), style="dim")
    return 0


def _mirrors(chain: str, out: Console, say: Catalogue) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    out.print(say("use.list.mirrors", date=data_date()), style="bold")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("")
    for column in ("name", "url", "sumdb"):
        table.add_column(say(f"use.list.{column}"), overflow="fold")
    for mirror in known_mirrors():
        stated = mirror.stated("sumdb")
        word = _DATABASE.get(stated.value if stated else "", "unknown")
        used = "→" if mirror.url in chain else ""
        table.add_row(used, mirror.name, mirror.url, say(f"use.list.{word}"))
    out.print(table)
    real = {mirror.host for mirror in known_mirrors()}
    hosts = ", ".join(dict.fromkeys(entry.host for entry in bogus_mirrors() if entry.host not in real))
    out.print(say("use.list.bogus", hosts=hosts), style="dim")
