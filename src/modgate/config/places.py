"""Folders of the user on each platform, as Go's `os.UserConfigDir` and `os.UserCacheDir` name them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["default_store", "user_config_file"]


def _home(environ: Mapping[str, str]) -> Path:
    home = environ.get("USERPROFILE" if sys.platform == "win32" else "HOME")
    return Path(home) if home else Path("~").expanduser()


def _folder(
    environ: Mapping[str, str], platform: str, *, xdg: str, unix: str, mac: str, windows: str
) -> Path:
    home = _home(environ)
    if platform == "win32":
        return Path(environ.get(windows) or home / "AppData" / "Local")
    if platform == "darwin":
        return home / mac
    chosen = environ.get(xdg, "")
    return Path(chosen) if chosen.startswith("/") else home / unix


def user_config_file(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """`~/.config/modgate/config.toml` and its like on macOS and Windows."""
    folder = _folder(
        environ,
        platform,
        xdg="XDG_CONFIG_HOME",
        unix=".config",
        mac="Library/Application Support",
        windows="APPDATA",
    )
    return folder / "modgate" / "config.toml"


def default_store(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """`~/.cache/modgate/store` and its like on macOS and Windows."""
    folder = _folder(
        environ,
        platform,
        xdg="XDG_CACHE_HOME",
        unix=".cache",
        mac="Library/Caches",
        windows="LOCALAPPDATA",
    )
    return folder / "modgate" / "store"
