"""`modgate policy`: check a policy, try it out, ask why, compare two, see what is in force.

Exit status: 0 fine; 1 a test failed, a version is refused, or something would change; 2 the command line or a
policy is wrong.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.operate import Server, Store, TokenFile, run_operation
from modgate.cli.options import ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.policy_records import register
from modgate.cli.speech import AsJson, Lang, catalogue, print_json, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modgate.model.operations import Item, Summary
    from modgate.policy.facts import Facts
    from modgate.policy.problems import PolicyInvalid

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_CONTEXT = {"max_content_width": 80}

_Facts = Annotated[
    list[str] | None, typer.Option("--fact", metavar="KEY=VALUE", help=text("policy.help.fact"))
]
_File = Annotated[str | None, typer.Option("--file", metavar="FILE", help=text("policy.help.file"))]
_Database = Annotated[str | None, typer.Option("--db", metavar="SOURCE", help=text("policy.help.db"))]
_Consumer = Annotated[str, typer.Option("--consumer", metavar="NAME", help=text("policy.help.consumer"))]
_Groups = Annotated[
    list[str] | None, typer.Option("--group", metavar="NAME", help=text("policy.help.groups"))
]


@app.callback(context_settings=_CONTEXT, help=text("policy.help.group"))
def group() -> None:
    """Policies."""


@app.command(context_settings=_CONTEXT, help=text("policy.help.check"))
def check(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help=text("policy.help.files"), show_default=False)
    ] = None,
    *,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Check."""
    from modgate.cli.policy_files import checked_all  # noqa: PLC0415  pydantic stays off --help
    from modgate.cli.policy_show import check_document, show_check  # noqa: PLC0415  rich as well

    say = catalogue(lang)
    found = checked_all(files or [_configured(config, settings)])
    document = check_document(found, time.time())
    if as_json:
        print_json(document)
    else:
        show_check(document, say)
    if not document["ok"]:
        raise typer.Exit(USAGE)


@app.command("test", context_settings=_CONTEXT, help=text("policy.help.test"))
def try_out(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help=text("policy.help.tests"))],
    *,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="FILE", help=text("policy.help.policy"))
    ] = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Run tests."""
    from modgate.cli.policy_files import form_of, read_policy, read_text  # noqa: PLC0415  as above
    from modgate.cli.policy_show import show_tests, tests_document  # noqa: PLC0415  as above
    from modgate.policy.problems import PolicyInvalid  # noqa: PLC0415  as above
    from modgate.policy.trial import is_policy, parse_cases, run_cases  # noqa: PLC0415  as above

    say = catalogue(lang)
    results = []
    try:
        for name in files:
            written, form = read_text(name), form_of(name)
            cases = parse_cases(written, form=form, name=name)
            own = policy is None and is_policy(written, form=form)
            rules = read_policy(name if own else policy or _configured(config, settings))
            results.append((name, run_cases(rules, cases, now=time.time())))
    except PolicyInvalid as error:
        raise _refused(error) from None
    document = tests_document(results)
    if as_json:
        print_json(document)
    else:
        show_tests(document, say)
    if document["failed"] or not document["tests"]:
        raise typer.Exit(FAILED)


@app.command(context_settings=_CONTEXT, help=text("policy.help.explain"))
def explain(
    version: Annotated[str, typer.Argument(metavar="MODULE@VERSION", help=text("policy.help.version"))],
    *,
    consumer: _Consumer = "",
    groups: _Groups = None,
    file: _File = None,
    facts: _Facts = None,
    db: _Database = None,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Explain."""
    from modgate.cli.policy_show import show_explained  # noqa: PLC0415  as above

    say = catalogue(lang)
    if file is not None:
        document = _offline(file, version, facts or [], db, consumer=consumer, groups=groups or [])
    else:
        if facts or db:
            tell_usage(say("policy.text.fact_needs_file"))
        params = {"version": version, "consumer": consumer, "groups": groups or []}
        asked = _Asked(config, settings, store, server, token_file)
        items, summary = asked.run("policy-explain", params, say("policy.title.explain"), quiet=as_json)
        document = {**summary.facts, "rules": [item.facts for item in items]}
    if as_json:
        print_json(document)
    else:
        show_explained(document, say)
    if document["text"]:
        raise typer.Exit(FAILED)


@app.command(context_settings=_CONTEXT, help=text("policy.help.diff"))
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help=text("policy.help.old"))],
    new: Annotated[str, typer.Argument(metavar="NEW", help=text("policy.help.new"))],
    *,
    versions: Annotated[
        str | None, typer.Option("--list", metavar="FILE", help=text("policy.help.list"))
    ] = None,
    consumer: _Consumer = "",
    groups: _Groups = None,
    db: _Database = None,
    since: Annotated[str, typer.Option("--since", metavar="AGE", help=text("policy.help.since"))] = "90d",
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Compare."""
    from modgate.cli.policy_files import form_of, read_text  # noqa: PLC0415  as above
    from modgate.cli.policy_show import show_diff  # noqa: PLC0415  as above
    from modgate.errors import Invalid  # noqa: PLC0415  as above
    from modgate.policy.problems import PolicyInvalid  # noqa: PLC0415  as above
    from modgate.policy.reading import duration  # noqa: PLC0415  as above

    say = catalogue(lang)
    try:
        if versions is not None:
            document = _listed(old, new, versions, db, consumer=consumer, groups=groups or [])
        else:
            given = {
                name: {"text": read_text(file), "form": form_of(file), "name": file}
                for name, file in (("old", old), ("new", new))
                if not (name == "old" and file == "@")
            }
            params = {**given, "since": time.time() - duration(since)}
            asked = _Asked(config, settings, store, server, token_file)
            items, summary = asked.run("policy-diff", params, say("policy.title.diff"), quiet=as_json)
            document = {**summary.facts, "results": [item.facts for item in items]}
    except PolicyInvalid as error:
        raise _refused(error) from None
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if as_json:
        print_json(document)
    else:
        show_diff(document, say)
    if document["changes"]:
        raise typer.Exit(FAILED)


@app.command(context_settings=_CONTEXT, help=text("policy.help.show"))
def show(
    *,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Show what is in force."""
    from modgate.cli.policy_show import show_policy  # noqa: PLC0415  as above

    say = catalogue(lang)
    asked = _Asked(config, settings, store, server, token_file)
    _, summary = asked.run("policy-show", {}, say("policy.title.show"), quiet=as_json)
    if as_json:
        print_json(summary.facts)
    else:
        show_policy(summary.facts, say)
    if not summary.ok:
        raise typer.Exit(FAILED)


@app.command(context_settings=_CONTEXT, help=text("policy.help.schema"))
def schema() -> None:
    """Print the JSON schema."""
    from modgate.policy.schema import policy_schema  # noqa: PLC0415  as above

    print_json(policy_schema())


register(app)


class _Asked:
    """The gate that is asked."""

    def __init__(
        self,
        config: str | None,
        settings: Sequence[str] | None,
        store: str | None,
        server: str | None,
        token_file: str | None,
    ) -> None:
        self._loaded = load_config({"--store": store}, settings=settings or [], config_file=config, extra=[])
        self._server, self._token_file = server, token_file

    def run(
        self, name: str, params: Mapping[str, Any], title: str, *, quiet: bool
    ) -> tuple[list[Item], Summary]:
        """The results of an operation. Exits for what it does not understand; raises ModgateError."""
        from modgate.errors import Invalid  # noqa: PLC0415  not needed for --help

        items: list[Item] = []
        take: Callable[[Item], None] = items.append
        try:
            summary = run_operation(
                self._loaded.config,
                name,
                params,
                server=self._server,
                token_file=self._token_file,
                title=title,
                quiet=quiet,
                item=take,
            )
        except Invalid as error:
            tell(error)
            raise typer.Exit(USAGE) from None
        return items, summary


def _configured(config: str | None, settings: Sequence[str] | None) -> str:
    """The policy file of the configuration. Exits where it names none."""
    loaded = load_config({}, settings=settings or [], config_file=config, extra=[])
    file = loaded.config.policy.file
    if file is None:
        tell_usage(catalogue()("policy.text.no_file"))
    return str(file)


def tell_usage(line: str) -> None:
    """Say what is wrong with the command line, and exit."""
    from modgate.errors import Invalid  # noqa: PLC0415  not needed for --help

    tell(Invalid(line))
    raise typer.Exit(USAGE)


def _refused(error: PolicyInvalid) -> typer.Exit:
    tell(error)
    return typer.Exit(USAGE)


def _offline(
    file: str, version: str, given: Sequence[str], db: str | None, *, consumer: str, groups: Sequence[str]
) -> dict[str, Any]:
    from modgate.cli.policy_files import read_facts, read_policy  # noqa: PLC0415  as above
    from modgate.cli.policy_show import explained_document  # noqa: PLC0415  as above
    from modgate.errors import Invalid  # noqa: PLC0415  as above
    from modgate.policy.problems import PolicyInvalid  # noqa: PLC0415  as above

    try:
        policy = read_policy(file)
        facts = read_facts(version, given, consumer=consumer, groups=groups)
    except PolicyInvalid as error:
        raise _refused(error) from None
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    return explained_document(policy, _with_hits([facts], db)[0], time.time())


def _listed(
    old: str, new: str, versions: str, db: str | None, *, consumer: str, groups: Sequence[str]
) -> dict[str, Any]:
    from modgate.cli.policy_files import read_facts, read_policy, read_versions  # noqa: PLC0415  as above
    from modgate.cli.policy_show import diff_document  # noqa: PLC0415  as above

    policies = read_policy(old), read_policy(new)
    facts = [
        read_facts(str(each), [] if db else ["unknown=hits"], consumer=consumer, groups=groups)
        for each in read_versions(versions)
    ]
    return diff_document(*policies, _with_hits(facts, db), time.time())


def _with_hits(facts: list[Facts], db: str | None) -> list[Facts]:
    """With what a database of advisories says, where one is named."""
    if db is None:
        return facts
    import asyncio  # noqa: PLC0415  not needed for --help
    from dataclasses import replace  # noqa: PLC0415  likewise

    from modgate.wiring.advisory_source import open_known  # noqa: PLC0415  likewise
    from modgate.wiring.client import local_host  # noqa: PLC0415  likewise

    async def ask() -> list[Facts]:
        async with open_known(local_host(), db) as known:
            index = await known.about(sorted({each.path for each in facts}))
        found = []
        for each in facts:
            hits = index.hits(each.path, each.version)
            found.append(replace(each, hits=hits, fixed=index.closing_fix(each.path, each.version)))
        return found

    return asyncio.run(ask())


def run(args: Sequence[str]) -> int:
    """Run `modgate policy` with these arguments."""
    from modgate.errors import ModgateError  # noqa: PLC0415  not needed for --help

    try:
        return run_app(app, "policy", args)
    except ModgateError as error:
        # 1 says that something is refused or would change, which nobody could find out.
        tell(error)
        return USAGE
