"""Parameters of an operation: JSON in, a checked struct out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from modgate.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["params_as"]

T = TypeVar("T", bound=msgspec.Struct)


def params_as(kind: type[T], params: Mapping[str, Any]) -> T:
    """The parameters as a struct (declared with `forbid_unknown_fields`). Raises Invalid."""
    try:
        return msgspec.convert(dict(params), kind)
    except msgspec.ValidationError as error:
        raise Invalid(f"a parameter is wrong: {error}") from error
