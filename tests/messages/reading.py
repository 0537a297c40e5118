"""Every text of a language by its whole key, and the placeholders in it."""

from __future__ import annotations

import string

from modgate.messages import Language, areas, texts_of

__all__ = ["every_text", "placeholders"]


def every_text(language: Language) -> dict[str, str]:
    """Key (with its area) -> template."""
    return {
        f"{area}.{name}": text
        for area in sorted(areas(language))
        for name, text in texts_of(language, area).items()
    }


def placeholders(template: str) -> set[str]:
    """The names that a template wants. Raises ValueError for one that `str.format` cannot read."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
