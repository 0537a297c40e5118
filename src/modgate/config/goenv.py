"""What the go command of this machine would use: the defaults of upstream, checksums and patterns.

`go env` is asked once, outside any module (a go.mod could make it switch toolchains) and with a
scrubbed environment. Without a usable go the plain variables and Go's own defaults stand in.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["go_defaults"]

_ASKED = {
    "GOPROXY": "upstream",
    "GOSUMDB": "sumdb",
    "GOPRIVATE": "private",
    "GONOPROXY": "no_proxy",
    "GONOSUMDB": "no_sumdb",
}
_BUILT_IN = {"GOPROXY": "https://proxy.golang.org,direct", "GOSUMDB": "sum.golang.org"}
_KEPT = (
    *_ASKED,
    *("APPDATA", "GOENV", "GOROOT", "HOME", "LOCALAPPDATA", "PATH", "SYSTEMROOT", "USERPROFILE"),
    *("HOMEDRIVE", "HOMEPATH", "TEMP", "TMP", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "GOPATH"),
)
_TIMEOUT = 10.0


def go_defaults(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The keys upstream, sumdb, private, no_proxy and no_sumdb as (text, where it comes from).

    Never raises: a missing, old, slow or broken go leaves the variables and the built-in values.
    """
    told = _ask_go(environ)
    values: dict[str, tuple[str, str]] = {}
    for variable, key in _ASKED.items():
        if told is not None:
            values[key] = (told.get(variable, ""), f"go env {variable}")
        elif environ.get(variable):
            values[key] = (environ[variable], f"${variable}")
        elif variable in _BUILT_IN:
            values[key] = (_BUILT_IN[variable], "default")
    for key in ("no_proxy", "no_sumdb"):
        if not values.get(key, ("", ""))[0] and "private" in values:
            values[key] = values["private"]
    return {key: value for key, value in values.items() if value[0]}


def _ask_go(environ: Mapping[str, str]) -> dict[str, str] | None:
    go = shutil.which("go", path=environ.get("PATH", ""))
    if go is None:
        return None
    env = {name: environ[name] for name in _KEPT if name in environ}
    env |= {"GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""}
    try:
        done = subprocess.run(  # noqa: S603  the person's own go, with fixed arguments
            [go, "env", "-json", *_ASKED],
            env=env,
            cwd=tempfile.gettempdir(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT,
            check=True,
        )
        told = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    if not isinstance(told, dict):
        return None
    return {str(name): str(value) for name, value in told.items()}
