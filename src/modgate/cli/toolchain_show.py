"""How a survey looks: a few lines about go, then the modules that have something to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from modgate.client.machine.editor_values import short
from modgate.client.machine.showing import safe
from modgate.client.toolchain.document import totals

if TYPE_CHECKING:
    from rich.console import Console

    from modgate.client.machine.host import Host
    from modgate.client.toolchain.binary import Binary
    from modgate.client.toolchain.listing import ListedModule
    from modgate.client.toolchain.survey import Survey
    from modgate.messages import Catalogue

__all__ = ["show_binary", "show_survey"]

_CLOSED = "module lookup disabled by GOPROXY=off"
_MOST = 20
_MOST_ERRORS = 3


def show_survey(
    survey: Survey, say: Catalogue, out: Console, host: Host, *, everything: bool, closed: bool
) -> None:
    """Print what was found; with `everything` each module."""
    out.print(_facts(survey, say, host))
    rows = [one for one in survey.listing.modules if not one.main]
    told = rows if everything else [one for one in rows if _worth(survey, one)]
    # Without anything in the cache the whole list would be news.
    shown = told if everything else told[:_MOST]
    if shown:
        out.print()
        out.print(_modules(survey, shown, say, out))
    if len(rows) > len(shown) and shown:
        out.print(say("toolchain.text.more", count=len(rows) - len(shown)), style="dim")
    _errors(rows, say, out)
    if survey.listing.source != "go list":
        out.print(say("toolchain.text.from-gomod"), style="yellow")
    if survey.listing.error:
        for line in survey.listing.error.splitlines():
            out.print(f"  {line}", style="yellow")
    if closed and (survey.listing.error or any(need.missing for need in survey.needs.values())):
        out.print(say("toolchain.text.closed"), style="dim")


def show_binary(binary: Binary, say: Catalogue, out: Console, host: Host, *, everything: bool) -> None:
    """Print what a binary was built from; with `everything` each module and the build settings."""
    out.print(Text(say("toolchain.text.built", file=short(host, binary.file), go=binary.go), "bold"))
    if binary.main is not None:
        values = {"package": binary.package, "module": binary.main.path, "version": binary.main.version}
        out.print(say("toolchain.text.main", **values))
    count, replaced = len(binary.modules), sum(bool(one.replaces) for one in binary.modules)
    out.print(say("toolchain.text.contents", count=count, replaced=replaced))
    table = _table()
    for name in ("module", "version", "h1"):
        table.add_column(say(f"toolchain.table.{name}"), overflow="fold")
    shown = binary.modules if everything else binary.modules[:_MOST]
    for one in shown:
        path = Text(one.path)
        if one.replaces:
            path.append(f"\n{say('toolchain.note.replaces', module=one.replaces)}", "dim")
        table.add_row(path, one.version, Text(one.h1, "dim"))
    if shown:
        out.print(table)
    if len(binary.modules) > len(shown):
        out.print(say("toolchain.text.more", count=len(binary.modules) - len(shown)), style="dim")
    if everything:
        for name, value in (binary.settings or {}).items():
            out.print(Text(f"{name}={safe(value)}", "dim"))


def _facts(survey: Survey, say: Catalogue, host: Host) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    selection, lines = survey.selection, survey.lines
    table.add_row(
        say("toolchain.head.installed"),
        f"{survey.env.get('GOVERSION', '')}  {short(host, survey.env.get('GOROOT', ''))}",
    )
    table.add_row(say("toolchain.head.gotoolchain"), survey.setting)
    where = survey.gowork or survey.gomod
    if survey.gowork:
        table.add_row(say("toolchain.head.gowork"), short(host, survey.gowork))
    table.add_row(
        say("toolchain.head.gomod"), short(host, survey.gomod) if survey.gomod else say("toolchain.head.none")
    )
    asked = ", ".join(
        filter(
            None,
            (f"go {lines.go}" if lines.go else "", f"toolchain {lines.toolchain}" if lines.toolchain else ""),
        )
    )
    if asked:
        file = host.path(where).name
        table.add_row(say("toolchain.head.asks", file=file), asked)
    chosen = Text(f"{selection.name} ({say(f'toolchain.why.{selection.why}')})")
    if selection.forbidden:
        rule = "toolchain default" if lines.toolchain == "default" else f"GOTOOLCHAIN={survey.setting}"
        words = {"go": f"go {lines.go}", "rule": rule}
        chosen = Text(say("toolchain.toolchain.forbidden", **words), "red")
    elif selection.download:
        key = "download" if survey.toolchain_missing else "there"
        chosen.append(f"; {say(f'toolchain.toolchain.{key}', version=selection.download)}", "yellow")
    table.add_row(say("toolchain.head.selected"), chosen)
    counts = totals(survey)
    if survey.listing.modules:
        words_of = {name: counts[name] or 0 for name in ("modules", "direct", "replaced")}
        table.add_row(say("toolchain.head.modules"), say("toolchain.total.modules", **words_of))
        table.add_row(say("toolchain.head.downloads"), _downloads(survey, say))
    return table


def _downloads(survey: Survey, say: Catalogue) -> str:
    counts = totals(survey)
    zips, mods = counts["missing_zip"] or 0, counts["missing_mod"] or 0
    if not zips and not mods:
        return say("toolchain.total.nothing")
    words = [say("toolchain.total.files", zips=zips, mods=mods)]
    if survey.asked_sizes:
        words.append(
            say("toolchain.total.bytes", size=_size(counts["bytes"] or 0), count=counts["sized"] or 0)
        )
    return "; ".join(words)


def _errors(rows: list[ListedModule], say: Catalogue, out: Console) -> None:
    """What go could not read, beside what it was not allowed to."""
    failed = [one for one in rows if one.error and _CLOSED not in one.error]
    if not failed:
        return
    out.print()
    out.print(say("toolchain.text.unread", count=len(failed)), style="yellow")
    for one in failed[:_MOST_ERRORS]:
        out.print(f"  {one.path}: {' '.join(one.error.split())}", style="dim")


def _worth(survey: Survey, one: ListedModule) -> bool:
    need = survey.needs.get(one.fetched)
    news = one.replaced_path or one.update or one.retracted or one.deprecated
    return bool(news or (need and need.missing))


def _modules(survey: Survey, rows: list[ListedModule], say: Catalogue, out: Console) -> Table:
    notes = [_notes(one, say) for one in rows]
    sized = survey.asked_sizes
    table = _table()
    table.add_column(say("toolchain.table.module"), overflow="fold", ratio=3)
    table.add_column(say("toolchain.table.version"), overflow="fold", max_width=22)
    table.add_column(say("toolchain.table.missing"), no_wrap=True)
    if sized:
        table.add_column(say("toolchain.table.size"), justify="right", no_wrap=True)
    if any(notes):
        table.add_column(say("toolchain.table.note"), overflow="fold", ratio=2)
    for one, note in zip(rows, notes, strict=True):
        need = survey.needs.get(one.fetched)
        missing = " ".join(need.missing) if need else ""
        size = survey.sizes.get(one.fetched)
        cells: list[str | Text] = [
            Text(one.path, "" if not one.indirect else "dim"),
            one.version,
            Text(missing, "yellow"),
        ]
        cells += [_size(size) if size is not None else ""] if sized else []
        cells += [Text(note, "cyan")] if any(notes) else []
        table.add_row(*cells)
    table.width = min(out.width, 100)
    return table


def _notes(one: ListedModule, say: Catalogue) -> str:
    found = []
    if one.replaced_path:
        target = f"{one.replaced_path} {one.replaced_version}".strip()
        found.append(say("toolchain.note.replaced", target=target))
    if one.update:
        found.append(say("toolchain.note.update", version=one.update))
    found += [say("toolchain.note.retracted", why=safe(why)) for why in one.retracted]
    if one.deprecated:
        found.append(say("toolchain.note.deprecated", why=safe(one.deprecated)))
    return "\n".join(found)


def _table() -> Table:
    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))


def _size(count: int) -> str:
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
