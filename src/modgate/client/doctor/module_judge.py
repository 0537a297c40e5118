"""Is it the chain or the module? What the answers of all entries about one module amount to.

An entry's failure is a fault of the entry. An entry that proves absence is judged by the others: if one has
it, this one lags behind; if all prove absence, the version does not exist, or it is private. A 200 is looked
into: go believes an `.info` of the right version, a go.mod of the right path, a zip with the right names.
A module that merely stands in for one that nobody named is not to blame for being unknown.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.client.causes import content, status
from modgate.client.doctor.failures import host_of, said, went_wrong
from modgate.client.findings import Evidence, Finding, Impact
from modgate.errors import ModgateError
from modgate.gomod.info import parse_info
from modgate.gomod.modfile import parse_lax
from modgate.gomod.proxylist import redacted
from modgate.gomod.query import retracted_by
from modgate.gomod.texts import shown
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modgate.client.doctor.asked import Asked
    from modgate.client.doctor.module_answers import Answers
    from modgate.client.findings import Cause
    from modgate.client.net.facts import Exchange

__all__ = ["judge_module", "looks_like_html", "notices"]

_LOCAL_HEADER = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"


def judge_module(
    module: Asked, answers: Sequence[Answers], *, elsewhere: str = "", nowhere: bool = False
) -> list[Finding]:
    """What is wrong at each entry with this module.

    `elsewhere` names a source outside of the chain that has it (its repository), empty for none; `nowhere`
    is true where the repository proves that it is not there.
    """
    findings: list[Finding] = []
    having = [answer for answer in answers if answer.whole and not _faults(answer, module)]
    for answer in answers:
        if answer.absent:
            findings += _absent(answer, module, having, elsewhere)
        else:
            findings += _failures(answer, module) or _faults(answer, module)
    proofs = [answer for answer in answers if answer.absent]
    sure = nowhere or len(proofs) > 1
    if module.named and sure and proofs and len(proofs) == len(answers) and not elsewhere:
        return [_nowhere(module, proofs)]
    return findings


def notices(module: Asked, newest: Exchange) -> list[Finding]:
    """What the newest go.mod says of the version: retracted, deprecated. Notes, never faults."""
    if newest.failure is not None or newest.status != 200:
        return []
    try:
        parsed = parse_lax(newest.body)
    except ModgateError:
        return []
    found: list[Finding] = []
    proof = (Evidence(source=redacted(newest.url)),)
    if parsed.module is not None and parsed.module.deprecated:
        values = {"module": module.path, "reason": _short(parsed.module.deprecated)}
        found.append(Finding(content.DEPRECATED, values, Impact.NOTE, 1.0, proof, module.path))
    for retract in parsed.retract:
        if module.canonical and retracted_by([(retract.low, retract.high)])(module.version):
            values = {"module": str(module), "reason": _short(retract.rationale) or "-"}
            found.append(Finding(content.RETRACTED, values, Impact.NOTE, 1.0, proof, str(module)))
            break
    return found


def looks_like_html(body: bytes) -> bool:
    """Whether a page stands where data belongs."""
    head = body[:512].lstrip().lower()
    return head.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<script", b"<"))


def _absent(answer: Answers, module: Asked, having: Sequence[Answers], elsewhere: str) -> list[Finding]:
    other = host_of(having[0].entry) if having else elsewhere
    finding = went_wrong(answer.first, answer.entry, module=str(module))
    assert finding is not None
    if other:
        values = {"host": host_of(answer.entry), "module": str(module), "other": other}
        return [replace(finding, cause=status.MIRROR_LAG, values=values)]
    return [replace(finding, confidence=0.6)] if module.named else []


def _nowhere(module: Asked, proofs: Sequence[Answers]) -> Finding:
    evidence = tuple(
        Evidence(raw=f"{proof.first.status}: {said(proof.first)}", source=redacted(proof.first.url))
        for proof in proofs
    )
    return Finding(
        status.NO_SUCH_VERSION,
        {"module": str(module), "text": said(proofs[0].first)},
        confidence=0.9 if len(proofs) > 1 else 0.75,
        evidence=evidence,
        subject=module.path,
    )


def _failures(answer: Answers, module: Asked) -> list[Finding]:
    for exchange in (answer.first, answer.mod, answer.zip):
        if exchange is not None:
            finding = went_wrong(exchange, answer.entry, module=str(module))
            if finding is not None:
                return [finding]
    return []


def _faults(answer: Answers, module: Asked) -> list[Finding]:
    """What is wrong with answers that came with 200."""
    found: list[Finding] = []
    pages = [item for item in (answer.first, answer.mod, answer.zip) if item and looks_like_html(item.body)]
    if len(pages) > 1 or (pages and pages[0] is answer.first):
        return [_fault(content.PORTAL, answer, pages[0], module)]
    found += _bad_first(answer, module)
    if answer.mod is not None:
        found += _bad_mod(answer, answer.mod, module)
    if answer.zip is not None:
        found += _bad_zip(answer, answer.zip, module)
    return found


def _bad_first(answer: Answers, module: Asked) -> Iterator[Finding]:
    if not answer.first.url.endswith((".info", "@latest")):
        if not answer.version:
            yield _fault(content.BAD_LIST, answer, answer.first, module)
        return
    asked = module.version if module.canonical else None
    try:
        parse_info(answer.first.body, asked=asked)
    except ModgateError as error:
        try:
            other = parse_info(answer.first.body, asked=None).version
        except ModgateError:
            yield _fault(content.BAD_JSON, answer, answer.first, module, text=error.what)
        else:
            yield _fault(content.WRONG_VERSION, answer, answer.first, module, text=other)


def _bad_mod(answer: Answers, mod: Exchange, module: Asked) -> Iterator[Finding]:
    if looks_like_html(mod.body):
        yield _fault(content.HTML_MOD, answer, mod, module)
        return
    try:
        parsed = parse_lax(mod.body)
    except ModgateError as error:
        yield _fault(content.BAD_GO_MOD, answer, mod, module, text=error.what)
        return
    declared = parsed.module.path if parsed.module else ""
    if declared and declared != module.path:
        yield _fault(content.MOVED, answer, mod, module, declared=declared)


def _bad_zip(answer: Answers, zipped: Exchange, module: Asked) -> Iterator[Finding]:
    if not zipped.body.startswith((_LOCAL_HEADER, _EMPTY_ZIP)):
        yield _fault(content.NOT_A_ZIP, answer, zipped, module)
        return
    prefix = f"{module.path}@{answer.version}/"
    try:
        name = _first_name(zipped)
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        yield _fault(content.NOT_A_ZIP, answer, zipped, module)
        return
    if name and not name.startswith(prefix):
        yield _fault(content.WRONG_PREFIX, answer, zipped, module, text=shown(name))


def _first_name(zipped: Exchange) -> str:
    """The name of a file in the zip: from its directory where all of it came, else from the first header."""
    if zipped.complete:
        with zipfile.ZipFile(io.BytesIO(zipped.body)) as archive:
            return next(iter(archive.namelist()), "")
    length = int.from_bytes(zipped.body[26:28], "little")
    return zipped.body[30 : 30 + length].decode("utf-8", "replace")


def _fault(cause: Cause, answer: Answers, exchange: Exchange, module: Asked, **more: str) -> Finding:
    version = f"@{answer.version}" if answer.version else ""
    values = {
        "host": host_of(answer.entry),
        "url": redacted(exchange.url),
        "module": f"{module.path}{version}",
        "text": said(exchange),
        **{name: _short(value) for name, value in more.items()},
    }
    return Finding(
        cause,
        {name: values[name] for name in cause.values},
        evidence=(_seen(exchange),),
        subject=redacted(answer.entry),
    )


def _seen(exchange: Exchange) -> Evidence:
    kind = exchange.headers.get("content-type", "")
    first = exchange.body[:60].decode("utf-8", "replace")
    text = "".join(char if char.isprintable() else "." for char in first)
    values: dict[str, str | int | float | Message] = {"status": exchange.status, "kind": kind or "-"}
    return Evidence(Message("module.proof.begins", values), text, redacted(exchange.url))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:159] + "…"
