"""`modgate publish`: a working tree becomes a module version in a gate."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, BinaryIO, cast

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.cli.publish_send import Sent
    from modgate.cli.publish_show import Report
    from modgate.cli.publish_way import Way
    from modgate.messages import Catalogue
    from modgate.model.credentials import Secret

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_VARIABLE = "MODGATE_PUBLISH_TOKEN"


@app.command(context_settings={"max_content_width": 80}, help=text("publish.help.about"))
def publish(
    folder: Annotated[str, typer.Argument(metavar="DIR", help=text("publish.help.folder"))],
    version: Annotated[str, typer.Argument(metavar="VERSION", help=text("publish.help.version"))],
    *,
    module: Annotated[
        str | None, typer.Option("--module", metavar="PATH", help=text("publish.help.module"))
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="URL", help=text("publish.help.to"))] = (
        "http://127.0.0.1:3000"
    ),
    token_file: Annotated[
        str | None, typer.Option("--token-file", metavar="FILE", help=text("publish.help.token-file"))
    ] = None,
    cert: Annotated[
        str | None, typer.Option("--cert", metavar="FILE", help=text("publish.help.cert"))
    ] = None,
    key: Annotated[str | None, typer.Option("--key", metavar="FILE", help=text("publish.help.key"))] = None,
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help=text("publish.help.out"))] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=text("publish.help.dry-run"))] = False,
    insecure: Annotated[bool, typer.Option("--insecure", help=text("publish.help.insecure"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Make the zip of a working tree and send it to a gate."""
    from modgate.cli.publish_send import Refused, check_address  # noqa: PLC0415  not needed for --help
    from modgate.cli.publish_show import Report, document, show, show_refusal  # noqa: PLC0415  rich
    from modgate.cli.publish_way import way_to  # noqa: PLC0415  likewise
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    say = catalogue(lang)
    try:
        way = way_to(check_address(to, insecure=insecure), cert, key)
        token = None if dry_run else _token(token_file)
        report = _prepared(folder, version, module, Report)
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    status = 0
    if report.tree.checked.invalid or report.tree.checked.size_error:
        status = FAILED
    else:
        try:
            _packed_and_sent(report, way, token, out, say)
        except Refused as error:
            report.refusal = error
            status = FAILED
    if as_json:
        print_json(document(report, way.base, say))
    else:
        show(report, say, console(), everything=dry_run)
        if report.refusal is not None:
            show_refusal(report.refusal, say)
    raise typer.Exit(status)


def _token(file: str | None) -> Secret:
    """The token of the file, else of the variable. Raises Invalid."""
    import os  # noqa: PLC0415  not needed for --help
    from pathlib import Path  # noqa: PLC0415  likewise

    from modgate.cli.publish_send import read_token  # noqa: PLC0415  likewise
    from modgate.errors import Invalid  # noqa: PLC0415  likewise
    from modgate.model.credentials import Secret  # noqa: PLC0415  likewise

    if file is not None:
        try:
            written = Path(file).read_text("utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8"
            raise Invalid(f"the token file cannot be read: {reason}", where=file) from None
        return Secret(read_token(written, file))
    if not os.environ.get(_VARIABLE, "").strip():
        raise Invalid(
            "publishing needs a token",
            next_step=f"Set {_VARIABLE}, or name a file with --token-file. --dry-run needs none.",
        )
    return Secret(read_token(os.environ[_VARIABLE], _VARIABLE))


def _prepared(folder: str, version: str, module: str | None, report: type[Report]) -> Report:
    """What would go in, and what git says of it. Raises Invalid."""
    import os  # noqa: PLC0415  not needed for --help
    from pathlib import Path  # noqa: PLC0415  likewise

    from modgate.cli.publish_tree import git_news, read_tree, version_of  # noqa: PLC0415  likewise
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    place = Path(folder).resolve()
    if not place.is_dir():
        raise Invalid(f"{folder} is no folder")
    named = version_of(place, version, module)
    tree = read_tree(place)
    return report(named, tree, git_news(tree, os.environ))


def _packed_and_sent(report: Report, way: Way, token: Secret | None, out: str | None, say: Catalogue) -> None:
    """Make the zip, and send it where there is a token. Raises Refused, Invalid, Unavailable."""
    import tempfile  # noqa: PLC0415  not needed for --help

    from modgate.cli.publish_tree import pack  # noqa: PLC0415  likewise
    from modgate.errors import Unavailable  # noqa: PLC0415  likewise

    try:
        with ExitStack() as stack:
            file, settle = _place(out, stack)
            report.packed = pack(report.version, report.tree, file)
            report.out = out
            file.flush()
            settle()
            if token is not None:
                report.sent = _sent(report, way, token, file, say)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unavailable(
            f"the zip cannot be written: {reason}", where=out or tempfile.gettempdir()
        ) from error


def _place(out: str | None, stack: ExitStack) -> tuple[BinaryIO, Callable[[], None]]:
    """Where the zip is made, and what gives it its name once it is whole: an older file stays until then."""
    import tempfile  # noqa: PLC0415  not needed for --help
    from pathlib import Path  # noqa: PLC0415  likewise

    if out is None:
        return cast("BinaryIO", stack.enter_context(tempfile.TemporaryFile())), lambda: None
    target = Path(out)
    if target.exists() and not target.is_file():
        return stack.enter_context(target.open("w+b")), lambda: None  # a device has no name to take
    target = target.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    temporary = Path(name)
    stack.callback(temporary.unlink, missing_ok=True)
    file = cast("BinaryIO", stack.enter_context(os.fdopen(handle, "w+b")))

    def settle() -> None:
        mask = os.umask(0o077)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(target)

    return file, settle


def _sent(report: Report, way: Way, token: Secret, file: BinaryIO, say: Catalogue) -> Sent:
    import asyncio  # noqa: PLC0415  not needed for --help

    from modgate.cli.progress import Progress  # noqa: PLC0415  rich
    from modgate.cli.publish_send import Refused, send  # noqa: PLC0415  likewise
    from modgate.cli.publish_show import bytes_shown, warn  # noqa: PLC0415  likewise
    from modgate.messages import Message  # noqa: PLC0415  likewise
    from modgate.wiring.client import monotonic  # noqa: PLC0415  likewise

    packed = report.packed
    assert packed is not None
    warn(report, say)
    with Progress(console(), monotonic) as progress:

        def sent(count: int) -> None:
            progress.say = lambda seconds: say(
                "publish.text.sending",
                sent=bytes_shown(count, say),
                size=bytes_shown(packed.size, say),
                seconds=seconds,
            )

        sent(0)
        answer = asyncio.run(send(way, report.version, file, size=packed.size, token=token, sent=sent))
    if answer.h1 != packed.h1:
        raise Refused(Message("publish.refused.other-h1", {"h1": answer.h1, "mine": packed.h1}))
    return answer


def run(args: Sequence[str]) -> int:
    """Run `modgate publish` with these arguments."""
    return run_app(app, "publish", args)
