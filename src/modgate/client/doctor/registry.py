"""Which checks there are, in the order in which they are shown.

Each name is a file of this package with a `CHECK`; the order goes from this machine outwards.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modgate.client.doctor.check import Check

__all__ = ["all_checks"]

_FILES: tuple[str, ...] = (
    # go's settings and folders
    "go_command",
    "goenv_file",
    "go_variables",
    "goproxy",
    "gosumdb",
    "goprivate",
    "goflags",
    "gotoolchain",
    "vendoring",
    "module_cache",
    "proxy_variables",
    "certificate_files",
    # shells and containers
    "shell_profiles",
    "container",
    "wsl",
    # editors
    "vscode_settings",
    "vscode_trust",
    "vscode_environment",
    # macOS and Windows
    "macos_proxy",
    "macos_dns",
    "macos_launchd",
    "macos_extensions",
    "macos_sip",
    "windows_proxy",
    "windows_environment",
    "desktop_proxy",
    # the network
    "dns",
    "connect",
    "http_proxy",
    "tls",
    "interception",
    "clock",
    "waterfall",
    "throttling",
    # the module, the checksum database, version control
    "module_chain",
    "sumdb",
    "go_sum",
    "toolchain",
    "version_control",
)


def all_checks() -> tuple[Check, ...]:
    """Every check, in the order in which they are shown."""
    return tuple(import_module(f"modgate.client.doctor.{name}").CHECK for name in _FILES)
