"""`modgate store`: list, measure, prune and pin what is stored.

The server that holds the store is asked; without one it is done here. Removing asks on a terminal first, and
does nothing without one unless `--yes` says so.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.operate import Server, Store, TokenFile, run_operation
from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_Patterns = Annotated[
    list[str] | None, typer.Argument(metavar="PATTERN", help=text("store.help.patterns"), show_default=False)
]
_Limit = Annotated[int, typer.Option("--limit", metavar="N", help=text("store.help.limit"))]
_Subjects = Annotated[
    list[str] | None,
    typer.Argument(metavar="MODULE[@VERSION]", help=text("store.help.subjects"), show_default=False),
]


@app.callback(context_settings={"max_content_width": 80}, help=text("store.help.group"))
def group() -> None:
    """What is stored."""


@app.command(context_settings=CONTEXT, help=text("store.help.ls"))
def ls(
    patterns: _Patterns = None,
    *,
    versions: Annotated[bool, typer.Option("--versions", help=text("store.help.versions"))] = False,
    sort: Annotated[
        Literal["path", "size", "used"],
        typer.Option("--sort", metavar="path|size|used", help=text("store.help.sort")),
    ] = "path",
    limit: _Limit = 100,
    pinned: Annotated[bool, typer.Option("--pinned", help=text("store.help.pinned"))] = False,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """List."""
    from modgate.cli.store_show import listing, show_listing  # noqa: PLC0415  rich stays off --help

    say = catalogue(lang)
    asked = _Asked(
        say, patterns, config, settings, store=store, server=server, token_file=token_file, as_json=as_json
    )
    params = {"patterns": asked.words, "versions": versions, "sort": sort, "limit": limit, "pinned": pinned}
    items, summary = asked.run("store-list", params)
    if as_json:
        listing(items, summary)
    else:
        show_listing(items, summary, say)


@app.command(context_settings=CONTEXT, help=text("store.help.du"))
def du(
    patterns: _Patterns = None,
    *,
    depth: Annotated[int, typer.Option("--depth", metavar="N", help=text("store.help.depth"))] = 1,
    limit: _Limit = 20,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Measure."""
    from modgate.cli.store_show import show_usage, usage  # noqa: PLC0415  rich stays off --help

    say = catalogue(lang)
    asked = _Asked(
        say, patterns, config, settings, store=store, server=server, token_file=token_file, as_json=as_json
    )
    items, summary = asked.run("store-usage", {"patterns": asked.words, "depth": depth, "limit": limit})
    if as_json:
        usage(items, summary)
    else:
        show_usage(items, summary, say)


@app.command(context_settings=CONTEXT, help=text("store.help.rm"))
def rm(
    patterns: _Patterns = None,
    *,
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help=text("store.help.older_than"))
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=text("store.help.dry_run"))] = False,
    irretrievable: Annotated[
        bool, typer.Option("--irretrievable", help=text("store.help.irretrievable"))
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=text("store.help.yes"))] = False,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Remove."""
    from modgate.cli.store_show import removal, show_removal  # noqa: PLC0415  rich stays off --help

    say = catalogue(lang)
    asked = _Asked(
        say, patterns, config, settings, store=store, server=server, token_file=token_file, as_json=as_json
    )
    params = {"patterns": asked.words, "older_than": asked.age(older_than), "irretrievable": irretrievable}
    if not (dry_run or yes):
        named = bool(asked.words or older_than)
        if named and (as_json or not (sys.stdin.isatty() and sys.stdout.isatty())):
            print(f"modgate: {say('store.text.needs_yes')}", file=sys.stderr)
            raise typer.Exit(USAGE)
        items, summary = asked.run("store-remove", params | {"dry_run": True})
        show_removal(items, summary, say)
        if not summary.facts["versions"] or not _agreed(say):
            raise typer.Exit(FAILED if summary.facts["versions"] or summary.facts["refused"] else 0)
    items, summary = asked.run("store-remove", params | {"dry_run": dry_run})
    if as_json:
        removal(items, summary)
    else:
        show_removal(items, summary, say)
    if summary.facts["refused"]:
        raise typer.Exit(FAILED)


@app.command(context_settings=CONTEXT, help=text("store.help.pin"))
def pin(
    subjects: _Subjects = None,
    *,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help=text("store.help.note"))] = "",
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Pin, or list the pins."""
    from modgate.cli.store_show import pins, show_pins  # noqa: PLC0415  rich stays off --help

    say = catalogue(lang)
    asked = _Asked(
        say, subjects, config, settings, store=store, server=server, token_file=token_file, as_json=as_json
    )
    items, summary = asked.run("store-pin", {"subjects": asked.words, "note": note})
    if as_json:
        pins(items, summary)
    else:
        show_pins(items, say)


@app.command(context_settings=CONTEXT, help=text("store.help.unpin"))
def unpin(
    subjects: _Subjects = None,
    *,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Take pins back."""
    from modgate.cli.store_show import pins, show_pins  # noqa: PLC0415  rich stays off --help

    say = catalogue(lang)
    asked = _Asked(
        say, subjects, config, settings, store=store, server=server, token_file=token_file, as_json=as_json
    )
    items, summary = asked.run("store-unpin", {"subjects": asked.words})
    if as_json:
        pins(items, summary)
    else:
        show_pins(items, say)
    if not summary.ok:
        raise typer.Exit(FAILED)


class _Asked:
    """One command line: the store that is meant, and the words that are no options."""

    def __init__(
        self,
        say: Catalogue,
        words: Sequence[str] | None,
        config: str | None,
        settings: Sequence[str] | None,
        *,
        store: str | None,
        server: str | None,
        token_file: str | None,
        as_json: bool,
    ) -> None:
        extra = [each for each in words or [] if each.startswith("-")]
        self.words = list(words or [])
        self._say = say
        self._loaded = load_config(
            {"--store": store}, settings=settings or [], config_file=config, extra=extra
        )
        self._server, self._token_file, self._quiet = server, token_file, as_json

    def age(self, given: str | None) -> float:
        """Seconds; 0 where none was given. Exits for what is no duration."""
        from modgate.config.values import parse_duration  # noqa: PLC0415  pydantic stays off --help

        if given is None:
            return 0.0
        try:
            seconds = parse_duration(given)
        except ValueError:
            seconds = 0.0
        if seconds <= 0:
            print(f"modgate: {self._say('store.text.no_age', given=given)}", file=sys.stderr)
            raise typer.Exit(USAGE)
        return seconds

    def run(self, name: str, params: Mapping[str, Any]) -> tuple[list[Item], Summary]:
        """The results of an operation. Exits for what it does not understand; raises ModgateError."""
        from modgate.errors import Invalid  # noqa: PLC0415  not needed for --help

        items: list[Item] = []
        try:
            summary = run_operation(
                self._loaded.config,
                name,
                params,
                server=self._server,
                token_file=self._token_file,
                title=self._say(f"store.title.{name.removeprefix('store-')}"),
                quiet=self._quiet,
                item=items.append,
            )
        except Invalid as error:
            tell(error)
            raise typer.Exit(USAGE) from None
        return items, summary


def _agreed(say: Catalogue) -> bool:
    try:
        answer = input(f"{say('store.text.ask')} ").strip().lower()
    except EOFError:
        answer = ""
    if answer in {"y", "yes", "是", "好"}:
        return True
    print(say("store.text.declined"))
    return False


def run(args: Sequence[str]) -> int:
    """Run `modgate store` with these arguments."""
    return run_app(app, "store", args)
