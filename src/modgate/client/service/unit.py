"""The text of a systemd unit, with as little given to the service as it needs.

A service of the machine runs as `modgate`: with `DynamicUser=` systemd invents that user for as long as the
service runs and gives it its folder under /var/lib, so that no account is made or left behind; where the
administrator has made a user of that name, it is the one. The rest of the file system is read-only, homes
are empty but for what the program itself consists of, and no call is left that a module proxy and git do
without. A service of a user cannot drop what that user never had; it gets the rest.

Quoting follows systemd.syntax(7), systemd.service(5) "Command lines" and systemd.unit(5) "Specifiers": `%` is
doubled everywhere, `$` in commands, and words are in double quotes with C escapes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from modgate.client.service.plan import Plan

__all__ = ["unit_text"]

_PLAIN = re.compile(r"[A-Za-z0-9_./:@=+,-]+")
_HOMES = ("/home/", "/root/", "/run/user/")

_ALWAYS = (
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
    "UMask=0077",
    "LimitNOFILE=65536",
)
_MACHINE = (
    "ProtectSystem=strict",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "RemoveIPC=yes",
)


def unit_text(plan: Plan) -> str:
    """The whole unit. Raises Invalid for a path that no unit can hold."""
    lines = [
        "# Written by `modgate service install`; that command shows what would change.",
        "[Unit]",
        "Description=modgate, a verifying Go module proxy",
        *(["Wants=network-online.target", "After=network-online.target"] if plan.system else []),
        "StartLimitIntervalSec=60",
        "StartLimitBurst=5",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={' '.join(_command(plan.command))}",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=on-failure",
        "RestartSec=2",
        "# 2: the configuration is wrong, which starting again does not mend.",
        "RestartPreventExitStatus=2",
        "TimeoutStartSec=120",
        f"TimeoutStopSec={plan.stop_seconds}",
        "# git gets the signal from the gate, which ends what it has begun.",
        "KillMode=mixed",
        *(f"Environment={_word(f'{name}={value}')}" for name, value in plan.environment),
        f"EnvironmentFile=-{_rest(plan.environment_file)}",
        "",
        *(_machine(plan) if plan.system else _user(plan)),
        *_ALWAYS,
        "",
        "[Install]",
        f"WantedBy={'multi-user.target' if plan.system else 'default.target'}",
    ]
    return "\n".join(lines) + "\n"


def _machine(plan: Plan) -> Iterator[str]:
    yield "User=modgate"
    yield "DynamicUser=yes"
    yield "StateDirectory=modgate"
    yield "StateDirectoryMode=0700"
    yield "WorkingDirectory=%S/modgate"
    # git, ssh and go look for their own settings there.
    yield "Environment=HOME=%S/modgate"
    if plan.store is None:
        yield "Environment=MODGATE_STORE=%S/modgate/store"
    for name, path in plan.credentials:
        yield f"LoadCredential={name}:{_rest(path)}"
        yield f"Environment=MODGATE_{name.replace('.', '_').upper()}=%d/{name}"
    inside = [path for path in plan.reads if path.startswith(_HOMES)]
    yield "ProtectHome=tmpfs" if inside else "ProtectHome=yes"
    if inside:
        yield f"BindReadOnlyPaths={_words(path.replace(':', chr(92) + ':') for path in inside)}"
    written = [*([plan.store] if plan.store else []), *plan.writes]
    if written:
        yield f"ReadWritePaths={_words(written)}"
    if plan.low_port:
        yield "AmbientCapabilities=CAP_NET_BIND_SERVICE"
        yield "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"
    else:
        yield "CapabilityBoundingSet="
        yield "PrivateUsers=yes"
    yield from _MACHINE


def _user(plan: Plan) -> Iterator[str]:
    yield f"WorkingDirectory={_rest(plan.home)}"
    if plan.namespaces:
        yield "PrivateUsers=yes"
        yield "ProtectSystem=strict"
        yield "ProtectHome=read-only"
        yield "PrivateTmp=yes"
        written = [*([plan.store] if plan.store else []), *plan.writes]
        if written:
            yield f"ReadWritePaths={_words(written)}"


def _words(paths: Iterable[str]) -> str:
    return " ".join(_word(path) for path in dict.fromkeys(paths))


def _command(words: Sequence[str]) -> Iterator[str]:
    """The program, in whose name systemd allows no quotes and knows no `$$`, and its arguments."""
    program, *arguments = words
    if re.search(r"[\"'\\$]", program):
        program, arguments = "/usr/bin/env", [program, *arguments]
    yield _word(program)
    yield from map(_argument, arguments)


def _argument(text: str) -> str:
    """One word of a command line, in which `$` begins a variable."""
    return _word(text.replace("$", "$$"))


def _word(text: str) -> str:
    """One word of a list."""
    whole = _checked(text).replace("%", "%%")
    if _PLAIN.fullmatch(whole):
        return whole
    return '"' + whole.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _rest(text: str) -> str:
    """What takes the rest of its line as it is."""
    if text != text.strip() or text.endswith("\\"):
        raise Invalid("a path that begins or ends with a blank, or ends with a backslash", where=text)
    return _checked(text).replace("%", "%%")


def _checked(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Invalid("a path that is not UTF-8 cannot stand in a unit", where=repr(text)) from error
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise Invalid("a path with a control character cannot stand in a unit", where=repr(text))
    return text
