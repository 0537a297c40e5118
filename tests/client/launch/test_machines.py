"""What other machines do: recorded settings that forbid namespaces, desktops, macOS's `open`."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from modgate.client.launch.desktop import (
    desktop_edit,
    editor_of,
    launchctl_plan,
    opened,
    running_editor,
    session_answers,
)
from modgate.client.launch.permission import unsupported, why_forbidden
from modgate.client.machine.host import Ran, System
from modgate.client.machine.recorded import RecordedHost
from modgate.errors import Invalid
from modgate.messages import Catalogue, Language

VALUES = {"GOPROXY": "https://goproxy.cn,direct"}


@pytest.mark.parametrize(
    ("file", "value", "setting"),
    [
        ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", "apparmor_restrict"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0\n", "unprivileged_userns_clone=1"),
        ("/proc/sys/user/max_user_namespaces", "0\n", "user.max_user_namespaces="),
        ("/proc/sys/user/max_net_namespaces", "0\n", "user.max_net_namespaces="),
        ("/.dockerenv", "", "seccomp"),
    ],
)
@pytest.mark.parametrize("language", list(Language))
def test_the_setting_that_forbids_it_is_named_with_what_to_enable(
    file: str, value: str, setting: str, language: Language
) -> None:
    why = why_forbidden(RecordedHost(files={file: value}), "unshare", errno.EPERM)
    assert setting in Catalogue(language).say(why)


def test_a_setting_that_allows_it_is_not_blamed() -> None:
    files = {
        "/proc/sys/kernel/unprivileged_userns_clone": "1\n",
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0\n",
    }
    assert why_forbidden(RecordedHost(files=files), "unshare", errno.EPERM).key == "run.forbidden.other"
    assert why_forbidden(RecordedHost(), "unshare", errno.EINVAL).key == "run.forbidden.kernel"


def test_other_systems_have_no_namespaces_and_are_told_so() -> None:
    for system in (System.MACOS, System.WINDOWS):
        why = unsupported(system)
        assert why is not None
        assert system.value in Catalogue(Language.ENGLISH).say(why)
    assert unsupported(System.LINUX) is None


@pytest.mark.parametrize(
    ("argv", "editor"),
    [
        (("code", "."), "Code"),
        (("/usr/bin/codium",), "VSCodium"),
        ((r"C:\x\bin\code.cmd",), "Code"),
        (("open", "-a", "Visual Studio Code"), "Code"),
        (("/Applications/Cursor.app",), "Cursor"),
        (("go", "build"), None),
    ],
)
def test_the_editors_of_the_family_are_known_by_their_commands(
    argv: tuple[str, ...], editor: str | None
) -> None:
    assert editor_of(argv) == editor


async def test_an_editor_that_runs_already_is_seen() -> None:
    ps = "  411    02:10:11 /Applications/Visual Studio Code.app/Contents/MacOS/Electron\n"
    host = RecordedHost(System.MACOS, commands={("ps", "-axo", "pid=,etime=,command="): Ran(0, ps)})
    assert await running_editor(host, ("code", "."), 1e9) == "Code"
    assert await running_editor(host, ("cursor", "."), 1e9) is None
    assert await running_editor(host, ("go", "env"), 1e9) is None


async def test_open_hands_the_values_over_where_it_can() -> None:
    usage = Ran(1, "", "Usage: open [-e] [--env VAR] ...\n      --env VAR  Add an enviroment variable\n")
    host = RecordedHost(System.MACOS, commands={("open", "-h"): usage})
    pair = ("--env", "GOPROXY=https://goproxy.cn,direct")
    assert await opened(host, ("open", "-a", "Code"), VALUES) == ("open", *pair, "-a", "Code")
    app = "/Applications/GoLand.app"
    assert await opened(host, (app, "x"), VALUES) == ("open", *pair, "-a", app, "--args", "x")
    assert await opened(host, ("go", "env"), VALUES) == ("go", "env")


async def test_an_open_without_env_leaves_launchd_to_the_person() -> None:
    host = RecordedHost(System.MACOS, commands={("open", "-h"): Ran(1, "", "Usage: open [-e] [-t]\n")})
    assert await opened(host, ("open", "-a", "Code"), VALUES) is None
    assert launchctl_plan({"A": "x y"}) == ("launchctl setenv A 'x y'",)


def test_environment_d_keeps_what_it_has_and_is_written_once() -> None:
    file = "/home/me/.config/environment.d/60-modgate.conf"
    first = desktop_edit(RecordedHost(), {"GOPROXY": "https://a$b"})
    assert first is not None
    assert first.path == Path(file)
    assert (first.after or b"").endswith(b'\nGOPROXY="https://a\\$b"\n')
    host = RecordedHost(files={file: first.after})
    assert desktop_edit(host, {"GOPROXY": "https://a$b"}) is None
    second = desktop_edit(host, {"GOPROXY": "https://c", "GOSUMDB": "off"})
    assert second is not None
    assert (second.after or b"").count(b"GOPROXY=") == 1
    with pytest.raises(Invalid):
        desktop_edit(host, {"A": "x\ny"})


async def test_a_session_without_systemd_is_not_told() -> None:
    assert not await session_answers(RecordedHost())
    failed = Ran(1, "", "Failed to connect to bus")
    assert not await session_answers(RecordedHost(commands={("systemctl",): failed}))
    assert await session_answers(RecordedHost(commands={("systemctl",): Ran(0, "PATH=/bin\n")}))
