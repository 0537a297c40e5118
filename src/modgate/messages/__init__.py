"""What modgate says to people, in English and Chinese: one catalogue, both complete.

A text is named by a key `area.name`, for example `doctor.verdict.healthy`: the area is a file,
`en/doctor.toml` and `zh/doctor.toml`, the rest is the way through its tables. Placeholders are those of
`str.format` with names only, so that a value from outside is never read as a template. Code carries a
`Message` (key and values) and only the edge turns it into text: the same finding can be shown in either
language and compared without either.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Catalogue", "Language", "Message", "areas", "language_from", "texts_of"]

Value = str | int | float


class Language(StrEnum):
    """The languages that the catalogue is complete in."""

    ENGLISH = "en"
    CHINESE = "zh"


@dataclass(frozen=True, slots=True)
class Message:
    """A text to be said: its key, and the values of its placeholders.

    Values may be anything a person may be shown; credentials are taken out before they get here.
    """

    key: str
    values: Mapping[str, Value | Message] = field(default_factory=dict)


def language_from(environ: Mapping[str, str], asked: str | None = None) -> Language:
    """`--lang` where given, else the first of MODGATE_LANG, LC_ALL, LC_MESSAGES, LANG that is set; else
    English.
    """
    named = asked or next(
        (environ[name] for name in ("MODGATE_LANG", "LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), ""
    )
    return Language.CHINESE if named.lower().startswith("zh") else Language.ENGLISH


class Catalogue:
    """The texts of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, **values: Value | Message) -> str:
        """The text of a key with its placeholders filled. Raises KeyError for an unknown key or a missing
        value.
        """
        return self.say(Message(key, values))

    def say(self, message: Message) -> str:
        """The text of a message; messages among its values are said in the same language."""
        area, _, name = message.key.partition(".")
        template = texts_of(self.language, area)[name]
        if not message.values:
            return template.format_map({})
        filled = {
            placeholder: self.say(value) if isinstance(value, Message) else value
            for placeholder, value in message.values.items()
        }
        return template.format_map(filled)

    def knows(self, key: str) -> bool:
        """Whether there is a text for this key."""
        area, _, name = key.partition(".")
        return area in areas(self.language) and name in texts_of(self.language, area)


@functools.cache
def areas(language: Language) -> frozenset[str]:
    """The areas (files) of a language."""
    folder = resources.files(__name__) / language.value
    return frozenset(
        item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml")
    )


@functools.cache
def texts_of(language: Language, area: str) -> Mapping[str, str]:
    """Every text of one area by the rest of its key. Raises KeyError for an unknown area."""
    if not area.replace("_", "").isalnum():
        raise KeyError(area)
    file = resources.files(__name__) / language.value / f"{area}.toml"
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KeyError(area) from None
    return dict(_flat(tables, ""))


def _flat(tables: Mapping[str, object], before: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in tables.items():
        key = f"{before}{name}"
        if isinstance(value, dict):
            found.extend(_flat(value, f"{key}."))
        else:
            found.append((key, str(value)))
    return found
