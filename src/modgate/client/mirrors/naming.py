"""From what a person typed to what is measured: names, hosts and URLs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.client.mirrors.campaign import Target
from modgate.client.mirrors.known import find_mirror, nearest_mirror
from modgate.errors import Invalid
from modgate.gomod.proxylist import EntryKind, parse_proxy_list, redacted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modgate.messages import Catalogue

__all__ = ["target_for", "unique"]


def target_for(text: str, say: Catalogue) -> Target:
    """The mirror that a name, a host or a URL means. Raises Invalid, with the nearest known name."""
    known = find_mirror(text)
    if known is not None:
        return Target(known.name, known.url, known)
    near = nearest_mirror(text)
    hint = say("mirrors.text.near", name=near.name) if near else say("mirrors.text.names")
    is_word = not any(mark in text for mark in ".:/")
    try:
        entries = () if is_word else parse_proxy_list(text)
    except Invalid as error:
        raise Invalid(error.what, next_step=error.next_step) from None
    if len(entries) != 1 or entries[0].kind is not EntryKind.PROXY or entries[0].url.startswith("file:"):
        raise Invalid(say("mirrors.text.no-mirror", text=redacted(text)), next_step=hint)
    if near is not None and "://" not in text:
        raise Invalid(say("mirrors.text.no-mirror", text=redacted(text)), next_step=hint)
    url = entries[0].url
    return Target(urlsplit(redacted(url)).netloc.rpartition("@")[2] or url, url)


def unique(targets: Iterable[Target]) -> list[Target]:
    """Each URL once; where two have one name, the URL without its scheme is the name."""
    found = list({target.url: target for target in targets}.values())
    names = [target.name for target in found]
    return [
        target
        if names.count(target.name) == 1
        else replace(target, name=redacted(target.url).partition("://")[2].rpartition("@")[2])
        for target in found
    ]
