"""The ssh command that git is given: strict about the host, silent towards people, forwarding nothing."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from modgate.model.credentials import SshAccess

__all__ = ["ssh_environment"]

# The first value that ssh meets counts, so these stand before an operator's own configuration file.
_ALWAYS = (
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "NumberOfPasswordPrompts=0",
    "PermitLocalCommand=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "ControlMaster=no",
    "ControlPath=none",
    "EscapeChar=none",
    "CanonicalizeHostname=no",
    "ConnectTimeout=30",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
)


def ssh_environment(access: SshAccess, proxy_command: str) -> dict[str, str]:
    """GIT_SSH_COMMAND and its company. An empty `proxy_command` connects directly."""
    words = ["ssh", "-F", str(access.config.absolute()) if access.config is not None else "none"]
    options = list(_ALWAYS)
    if proxy_command:
        options.append(f"ProxyCommand={proxy_command}")
    if access.key is not None:
        options += [f"IdentityFile={_file(access.key)}", "IdentitiesOnly=yes"]
    if access.known_hosts is not None:
        options += [f"UserKnownHostsFile={_file(access.known_hosts)}", "GlobalKnownHostsFile=none"]
    for option in options:
        words += ["-o", option]
    environment = {"GIT_SSH_COMMAND": shlex.join(words), "GIT_SSH_VARIANT": "ssh"}
    if access.agent:
        environment["SSH_AUTH_SOCK"] = access.agent
    return environment


def _file(path: Path) -> str:
    # ssh splits values at spaces and expands %-tokens in them.
    return '"' + str(path.absolute()).replace("%", "%%").replace('"', '\\"') + '"'
