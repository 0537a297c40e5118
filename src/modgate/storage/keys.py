"""Which strings may name an object.

A key becomes a path of a file system, so the rule is one of refusal: relative, `/` between its
elements, and no element that any file system, archive or shell could read as something else than a
plain name. `.ziphash` files are derived by a store that has them, never stored under a key of
their own; `.modgate` is where a store keeps what is its own.
"""

from __future__ import annotations

from modgate.errors import Invalid

__all__ = ["OWN_FOLDER", "check_folder", "check_key", "check_prefix"]

OWN_FOLDER = ".modgate"
"""The folder under the root of a store that holds what is not part of the GOPROXY layout."""

_MAX_ELEMENT = 255  # bytes: NAME_MAX of every file system in use
_MAX_KEY = 2048  # bytes: leaves half of PATH_MAX (4096) to the store's own folder


def check_key(key: str) -> str:
    """Return the key if it may name an object. Raises Invalid."""
    check_folder(key)
    if key.endswith(".ziphash"):
        raise Invalid("a .ziphash is written beside its zip, not stored by itself", where=_shown(key))
    return key


def check_folder(folder: str) -> str:
    """Return the path if it may name a folder of objects. Raises Invalid."""
    if not folder.isprintable():
        raise Invalid("a store key holds a control character or an unprintable one", where=_shown(folder))
    if "\\" in folder:
        raise Invalid("a store key holds a backslash", where=_shown(folder))
    if len(folder.encode()) > _MAX_KEY:
        raise Invalid(f"a store key is longer than {_MAX_KEY} bytes", where=_shown(folder))
    for element in folder.split("/"):
        if element in {"", ".", ".."}:
            raise Invalid("a store key has an empty, `.` or `..` element", where=_shown(folder))
        if element.casefold() == OWN_FOLDER:
            raise Invalid(f"{OWN_FOLDER} is the store's own", where=_shown(folder))
        if len(element) > _MAX_ELEMENT // 4 and len(element.encode()) > _MAX_ELEMENT:
            raise Invalid(
                f"an element of a store key is longer than {_MAX_ELEMENT} bytes", where=_shown(folder)
            )
    return folder


def check_prefix(prefix: str) -> str:
    """Return the text if the keys of a store may begin with it. Raises Invalid."""
    folder, slash, name = prefix.rpartition("/")
    if slash:
        check_folder(folder)
    if name:
        check_folder(name.lstrip(".") or "x")
    return prefix


def _shown(key: str) -> str:
    """The key as an error may show it: short, and with everything odd escaped."""
    return ascii(key[:80])
