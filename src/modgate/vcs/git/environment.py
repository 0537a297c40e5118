"""The environment in which git runs: built from nothing, so that no one else's settings are in it.

Git takes orders from its environment, the system's and the user's configuration, and templates; a
repository can carry hooks and configuration, and a server can offer bundles, filters and redirects.
Each line below switches one of these off. Configuration travels in GIT_CONFIG_COUNT variables: it
is not seen in the list of processes, and it has precedence over every file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["git_environment"]

_CONFIG = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.excludesFile", "/dev/null"),
    ("core.askPass", ""),
    ("init.templateDir", ""),
    # What the go command sets for archives (ReadZip), so that they are the same on every machine.
    ("core.autocrlf", "input"),
    ("core.eol", "lf"),
    ("log.showSignature", "false"),
    ("protocol.ext.allow", "never"),
    ("protocol.version", "2"),
    ("transfer.bundleURI", "false"),
    ("transfer.unpackLimit", "1"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    ("fetch.writeCommitGraph", "false"),
    # A daemon in the background would work on a mirror without its lock.
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("repack.writeBitmaps", "false"),
    ("credential.helper", ""),
    ("credential.interactive", "false"),
    ("http.followRedirects", "initial"),
    ("http.sslVerify", "true"),
)


def git_environment(
    home: Path,
    *,
    git_dir: Path | None = None,
    allow: str = "",
    config: Iterable[tuple[str, str]] = (),
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The variables of one run.

    `home` is an empty folder of our own; `allow` names the protocols that may be spoken, joined by `:`
    (none: what runs only reads the mirror, and a missing object is an error instead of a fetch).
    """
    settings = [*_CONFIG, *config]
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        # Empty is "nobody is asked": neither core.askPass nor SSH_ASKPASS is looked at.
        "GIT_ASKPASS": "",
        "GIT_ALLOW_PROTOCOL": allow,
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        # A delta of a few kilobytes can stand for gigabytes, which git would hold in memory. What is above
        # core.bigFileThreshold (512 MiB) is no delta in a repository of git's making, and is streamed.
        "GIT_ALLOC_LIMIT": "768m",
        "GIT_CONFIG_COUNT": str(len(settings)),
        **(extra or {}),
    }
    if git_dir is not None:
        environment["GIT_DIR"] = str(git_dir)
    if not allow:
        environment["GIT_NO_LAZY_FETCH"] = "1"
    for number, (name, value) in enumerate(settings):
        environment[f"GIT_CONFIG_KEY_{number}"] = name
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return environment
