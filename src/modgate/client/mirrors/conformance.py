"""A small black-box suite: does this server speak the module proxy protocol?

Each check looks at one answer and passes, fails, or was not tested (the answer did not come, or the mirror
need not hold what was asked for). `REQUIRED` are those without which go fails or is led astray; the others
are good manners. Sources: go help goproxy; cmd/go/internal/modfetch/proxy.go;
golang.org/ref/mod#goproxy-protocol.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from modgate.client.mirrors.asker import failure_word
from modgate.client.mirrors.results import Check, Outcome
from modgate.client.mirrors.words import cleaned
from modgate.client.net.facts import FailureKind
from modgate.errors import ModgateError
from modgate.gomod import modfile, module
from modgate.gomod.info import parse_info
from modgate.gomod.versionlist import parse_list
from modgate.gomod.zipcheck import check_zip

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.client.mirrors.subject import Subject
    from modgate.client.net.facts import Exchange
    from modgate.gomod.types import ModulePath

__all__ = ["CHECKS", "REQUIRED", "judge"]

CHECKS = (
    "list", "info", "mod", "zip", "zip-sum", "escaped", "absent", "latest", "redirects",
    "list-type", "absent-module", "head", "encoding",
)  # fmt: skip
"""Every check in the order it is shown."""

REQUIRED = frozenset({"list", "info", "mod", "zip", "zip-sum", "escaped", "absent", "latest", "redirects"})


def judge(asked: dict[str, Exchange], subject: Subject, recorded: str = "") -> list[Check]:
    """The suite over the answers that came.

    Args:
        asked: By what was asked: `list`, `info`, `mod`, `zip`, `escaped`, `absent`, `latest`,
            `absent-module`, `head`. What is missing is not tested.
        subject: What was asked for.
        recorded: The `h1:` that the checksum database proved for the zip, empty where it is not known.
    """
    rules: dict[str, tuple[str, Callable[[Exchange], Check]]] = {
        "list": ("list", lambda it: _list(it, subject)),
        "info": ("info", lambda it: _info(it, "info", subject.path, subject.version)),
        "mod": ("mod", lambda it: _mod(it, subject)),
        "zip": ("zip", lambda it: _zip(it, subject)[0]),
        "zip-sum": ("zip", lambda it: _zip_sum(it, subject, recorded)),
        "escaped": ("escaped", lambda it: _escaped(it, subject)),
        "absent": ("absent", lambda it: _absent(it, "absent")),
        "latest": ("latest", lambda it: _latest(it, subject)),
        "list-type": ("list", _list_type),
        "absent-module": ("absent-module", lambda it: _absent(it, "absent-module")),
        "head": ("head", _head),
    }
    found: list[Check] = []
    for name in CHECKS:
        if name == "redirects":
            found.append(_redirects(asked))
        elif name == "encoding":
            found.append(_encoding(asked))
        else:
            source, rule = rules[name]
            answer = asked.get(source)
            if answer is None or answer.failure is not None or failure_word(answer):
                found.append(_untested(name, failure_word(answer) if answer else ""))
            else:
                found.append(rule(answer))
    return found


def _passed(name: str) -> Check:
    return Check(name, Outcome.PASS)


def _failed(name: str, detail: str) -> Check:
    return Check(name, Outcome.FAIL, cleaned(detail))


def _untested(name: str, detail: str = "") -> Check:
    return Check(name, Outcome.UNTESTED, cleaned(detail))


def _said(answer: Exchange) -> str:
    """A status with the first words of its text."""
    text = cleaned(answer.body[:200].decode("utf-8", "replace"))
    return f"{answer.status} {text}".strip()


def _looks_like_html(answer: Exchange) -> bool:
    return answer.body.lstrip()[:1] == b"<" or "html" in answer.headers.get("content-type", "")


def _list(answer: Exchange, subject: Subject) -> Check:
    if answer.status != 200:
        return _failed("list", _said(answer))
    try:
        versions = parse_list(answer.body, module.check_path(subject.path))
    except ModgateError as error:
        return _failed("list", error.what)
    if subject.version not in versions and versions and not answer.complete:
        return _untested("list")
    return _passed("list")


def _list_type(answer: Exchange) -> Check:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if answer.status != 200:
        return _untested("list-type")
    return _passed("list-type") if kind == "text/plain" else _failed("list-type", kind or "-")


def _info(answer: Exchange, name: str, path: str, version: str) -> Check:
    if answer.status != 200:
        return _failed(name, _said(answer))
    try:
        parse_info(answer.body, asked=version, path=_path(path))
    except ModgateError as error:
        return _failed(name, error.what)
    return _passed(name)


def _latest(answer: Exchange, subject: Subject) -> Check:
    if answer.status in {404, 410}:
        return _untested("latest", _said(answer))
    if answer.status != 200:
        return _failed("latest", _said(answer))
    try:
        parse_info(answer.body, asked=None, path=_path(subject.path))
    except ModgateError as error:
        return _failed("latest", error.what)
    return _passed("latest")


def _mod(answer: Exchange, subject: Subject) -> Check:
    if answer.status != 200:
        return _failed("mod", _said(answer))
    if _looks_like_html(answer) and not modfile.module_path(answer.body):
        return _failed("mod", "HTML")
    named = modfile.module_path(answer.body)
    return _passed("mod") if named == subject.path else _failed("mod", f"module {named or '-'}")


def _zip(answer: Exchange, subject: Subject) -> tuple[Check, str]:
    """The check and the zip's h1."""
    if answer.status != 200:
        return _failed("zip", _said(answer)), ""
    if answer.body[:2] != b"PK":
        return _failed("zip", _said(answer)), ""
    if not answer.complete:
        return _untested("zip"), ""
    try:
        facts = check_zip(module.check(subject.path, subject.version), io.BytesIO(answer.body))
    except ModgateError as error:
        return _failed("zip", error.what), ""
    return _passed("zip"), facts.h1


def _zip_sum(answer: Exchange, subject: Subject, recorded: str) -> Check:
    _, h1 = _zip(answer, subject)
    if not h1 or not recorded:
        return _untested("zip-sum")
    return _passed("zip-sum") if h1 == recorded else _failed("zip-sum", f"{h1} / {recorded}")


def _escaped(answer: Exchange, subject: Subject) -> Check:
    if answer.status in {404, 410} and not subject.own_escaped:
        return _untested("escaped", _said(answer))
    return _info(answer, "escaped", *subject.escaped)


def _absent(answer: Exchange, name: str) -> Check:
    if answer.status not in {404, 410}:
        return _failed(name, _said(answer))
    return _failed(name, f"{answer.status} HTML") if _looks_like_html(answer) else _passed(name)


def _head(answer: Exchange) -> Check:
    if answer.status == 200:
        return _passed("head") if not answer.size else _failed("head", f"{answer.size} B")
    return _failed("head", str(answer.status))


def _redirects(asked: dict[str, Exchange]) -> Check:
    for answer in asked.values():
        if answer.failure is not None and answer.failure.kind is FailureKind.REDIRECT:
            return _failed("redirects", answer.failure.text or answer.url)
    return _passed("redirects") if any(answer.status for answer in asked.values()) else _untested("redirects")


def _encoding(asked: dict[str, Exchange]) -> Check:
    """Nothing was asked for but the bytes as they are."""
    answered = [answer for answer in asked.values() if answer.status == 200]
    for answer in answered:
        encoding = answer.headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            return _failed("encoding", f"{encoding}: {answer.url}")
    return _passed("encoding") if answered else _untested("encoding")


def _path(text: str) -> ModulePath:
    return module.check_path(text)
