"""From one message of go's to one finding: go's own sentence first, then the answer's status, then the way.

What a mirror or the checksum database did wrong on the way is told from what go was doing; what go says in a
sentence of its own is not interpreted further.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.causes import config, toolchain
from modgate.client.golog.answered import by_status
from modgate.client.golog.git import by_git
from modgate.client.golog.making import find
from modgate.client.golog.onway import on_the_way
from modgate.client.golog.said import Doing, read_said
from modgate.client.golog.transport import read_trouble
from modgate.client.golog.values import fault_in_url
from modgate.client.golog.words import by_requirement, by_words

if TYPE_CHECKING:
    from collections.abc import Container

    from modgate.client.findings import Finding
    from modgate.client.golog.said import Said

__all__ = ["judge", "judge_request"]

_READ = re.compile(r'\bread "')


def judge(text: str, source: str, answered: Container[str]) -> tuple[Said, Finding | None]:
    """The message taken apart, and what it means; None where it names no fault that is known.

    `source` says where it stands (`file:line`), `answered` which hosts have answered over TLS before.
    """
    said = read_said(text)
    return said, _judged(said, source, answered)


def judge_request(url: str, error: str, source: str, answered: Container[str]) -> tuple[Said, Finding | None]:
    """The same for what `# get URL: error` says."""
    text = error if 'Get "' in error else f'Get "{url}": {error}'
    return judge(text, source, answered)


def _judged(said: Said, source: str, answered: Container[str]) -> Finding | None:
    if said.url is not None and (slip := fault_in_url(said.url, source)):
        return slip
    if said.status is not None and (found := by_status(said)):
        return found
    if found := by_words(said, source):
        return found
    if said.url is not None or said.doing is Doing.DATABASE:
        trouble = read_trouble(said.core)
        in_body = _READ.search(said.text) is not None
        if found := on_the_way(said, trouble, in_body=in_body, answered=answered):
            return found
    if said.url is None and said.doing in {Doing.VCS, Doing.ELSE} and (found := by_git(said)):
        return found
    if found := by_requirement(said):
        return found
    if said.doing is not Doing.ELSE or said.module or said.text.startswith("go: "):
        found = on_the_way(said, read_trouble(said.text), in_body=False, answered=answered)
        if found is not None:
            return found
    return _unknown(said)


def _unknown(said: Said) -> Finding | None:
    """A failure of go's that no table knows: told as it stands, with little confidence."""
    if said.doing is Doing.TOOLCHAIN:
        return find(toolchain.NOT_AVAILABLE, said, confidence=0.5)
    if said.text.startswith("go: ") and said.module:
        return find(config.NO_SUCH_REQUIREMENT, said, confidence=0.3, subject="go.mod", text=said.text[4:])
    return None
