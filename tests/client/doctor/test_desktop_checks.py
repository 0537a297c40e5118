"""The checks of macOS, Windows and Linux desktops, on recorded machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.client.doctor import (
    desktop_proxy,
    macos_dns,
    macos_extensions,
    macos_launchd,
    macos_proxy,
    macos_sip,
    windows_environment,
    windows_proxy,
)
from modgate.client.doctor.registry import all_checks
from modgate.client.machine.host import Ran, System
from modgate.client.machine.local import LocalHost
from modgate.client.machine.recorded import RecordedHost
from tests.client.doctor.desktop_scene import examined, ids, loud, said, text
from tests.client.machine import macos_texts as texts
from tests.client.machine.test_system_proxy import GNOME, REGISTRY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.doctor.check import Check

Commands = dict[tuple[str, ...], Ran | None]
MINE = ("vscode-", "macos-", "windows-", "desktop-")
NOTHING = Ran(0, "")
RELAY = ("dscacheutil", "-q", "host", "-a", "name", "mask.icloud.com")

HEALTHY_MAC: Commands = {
    ("scutil", "--dns"): Ran(0, texts.DNS_PLAIN),
    ("scutil", "--proxy"): Ran(0, texts.PROXY_OFF),
    ("systemextensionsctl",): Ran(0, "0 extension(s)\n"),
    ("csrutil", "status"): Ran(0, "System Integrity Protection status: enabled.\n"),
    ("launchctl",): NOTHING,
    ("profiles",): Ran(0, "There are no configuration profiles installed for user 'me'\n"),
    ("ls",): Ran(0, texts.LS_PLAIN),
    ("ps",): NOTHING,
    RELAY: Ran(0, "name: mask.icloud.com\nip_address: 203.0.113.1\n"),
}
SETTINGS_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"
USER_KEY = r"HKCU\Environment"
MACHINE_KEY = r"HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
WINDOWS_SETTINGS = r"C:\Users\me\AppData\Roaming\Code\User\settings.json"
HEALTHY_WINDOWS: Commands = {
    ("reg", "query", SETTINGS_KEY): Ran(0, REGISTRY.format(enable="0x0", server="127.0.0.1:7890")),
    ("reg", "query", USER_KEY): Ran(
        0, "\r\nHKEY_CURRENT_USER\\Environment\r\n    GOPROXY    REG_SZ    https://g.test,direct\r\n"
    ),
    ("reg", "query", MACHINE_KEY): NOTHING,
    ("netsh",): Ran(0, "Current WinHTTP proxy settings:\r\n\r\n    Direct access (no proxy server).\r\n"),
    ("powershell",): NOTHING,
}


def _mac(
    changed: Mapping[tuple[str, ...], Ran | None] | None = None, environ: Mapping[str, str] | None = None
) -> RecordedHost:
    return RecordedHost(
        System.MACOS,
        environ={"HOME": "/Users/me", **(environ or {})},
        commands={**HEALTHY_MAC, **(changed or {})},
        files={"/Users/me/Library/Application Support/Code/User/settings.json": "{}"},
    )


def _windows(
    changed: Mapping[tuple[str, ...], Ran | None] | None = None, environ: Mapping[str, str] | None = None
) -> RecordedHost:
    return RecordedHost(
        System.WINDOWS,
        environ={"GOPROXY": "https://g.test,direct", **(environ or {})},
        commands={**HEALTHY_WINDOWS, **(changed or {})},
        files={WINDOWS_SETTINGS: "{}"},
    )


def _mine(system: System) -> list[Check]:
    return [check for check in all_checks() if check.name.startswith(MINE) and system in check.systems]


@pytest.mark.parametrize("check", _mine(System.MACOS), ids=lambda check: check.name)
async def test_a_healthy_mac_has_no_finding(check: Check) -> None:
    result = await examined(check, _mac())
    assert (result.findings, result.unknown) == ((), None)
    assert result.facts


@pytest.mark.parametrize("check", _mine(System.WINDOWS), ids=lambda check: check.name)
async def test_a_healthy_windows_has_no_finding(check: Check) -> None:
    result = await examined(check, _windows())
    assert (result.findings, result.unknown) == ((), None)


@pytest.mark.parametrize("check", _mine(System.LINUX), ids=lambda check: check.name)
async def test_this_machine_as_it_is_has_no_finding(check: Check) -> None:
    result = await examined(check, LocalHost(), offline=True)
    assert (loud(result), result.unknown) == ([], None)


@pytest.mark.parametrize(
    ("system", "check"),
    [(system, check) for system in (System.MACOS, System.WINDOWS) for check in _mine(system)],
    ids=lambda value: getattr(value, "name", str(value)),
)
async def test_a_machine_whose_commands_are_missing_is_unknown_not_ill(system: System, check: Check) -> None:
    result = await examined(check, RecordedHost(system))
    assert result.findings == ()


async def test_a_vpns_resolver_is_a_note_and_the_matrix_is_shown() -> None:
    result = await examined(macos_dns.CHECK, _mac({("scutil", "--dns"): Ran(0, texts.DNS_VPN)}))
    assert ids(result) == ["MG-SYS-005"]
    assert loud(result) == []
    assert "10.8.0.2" in text(result.findings[0])
    assert "dscacheutil -flushcache" in said(result)
    assert result.data["doh"] == [
        {"program": name, "asks_system": asks, "encrypted": False}
        for name, asks in (
            ("safari", True),
            ("curl", True),
            ("go", True),
            ("pure-go", False),
            ("own-doh", False),
        )
    ]


async def test_an_encrypted_profile_changes_the_matrix() -> None:
    result = await examined(macos_dns.CHECK, _mac({("profiles",): Ran(0, texts.PROFILE_XML)}))
    assert ids(result) == ["MG-SYS-007"]
    assert "https://dns.example.test/dns-query" in text(result.findings[0])
    assert "encrypted server answers" in said(result)
    assert [row["encrypted"] for row in macos_dns.doh_matrix(())] == [False] * 5


async def test_private_relay_is_a_fact_and_not_asked_for_offline() -> None:
    refused = await examined(macos_dns.CHECK, _mac({RELAY: NOTHING}))
    assert "does not allow iCloud Private Relay" in said(refused)
    assert "Private Relay" not in said(await examined(macos_dns.CHECK, _mac(), offline=True))


async def test_a_macs_proxy_that_go_does_not_use_is_told_with_its_exceptions() -> None:
    result = await examined(macos_proxy.CHECK, _mac({("scutil", "--proxy"): Ran(0, texts.PROXY_ON)}))
    (finding,) = result.findings
    assert finding.cause.id == "MG-SYS-002"
    assert dict(finding.values) == {"proxy": "http://127.0.0.1:7890", "system": "macOS"}
    assert finding.repair is not None
    assert finding.repair.commands == (
        "export HTTPS_PROXY='http://127.0.0.1:7890'",
        "export NO_PROXY='.local,169.254.0.0/16,git.example.test'",
    )


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"HTTPS_PROXY": "http://127.0.0.1:7890"}, []),
        ({"https_proxy": "127.0.0.1:7890"}, []),
        ({"HTTPS_PROXY": "http://other.test:1"}, ["MG-SYS-004"]),
        ({"GOPROXY": "https://git.example.test"}, []),
        ({"GOPROXY": "https://gate"}, []),
        ({"GOPROXY": "https://git.example.test,https://elsewhere.test"}, ["MG-SYS-002"]),
    ],
)
async def test_the_variables_and_the_exceptions_decide(environ: dict[str, str], found: list[str]) -> None:
    host = _mac({("scutil", "--proxy"): Ran(0, texts.PROXY_ON)}, environ)
    assert ids(await examined(macos_proxy.CHECK, host)) == found


async def test_a_proxy_script_is_told() -> None:
    host = _mac({("scutil", "--proxy"): Ran(0, texts.PROXY_SCRIPT)})
    (finding,) = (await examined(macos_proxy.CHECK, host)).findings
    assert finding.cause.id == "MG-SYS-003"
    assert "wpad.example.test" in text(finding)


@pytest.mark.parametrize(
    ("value", "environ", "found"),
    [
        ("https://dock.test", {"GOPROXY": "https://dock.test"}, []),
        ("https://dock.test", {"GOPROXY": "https://shell.test"}, ["MG-SYS-010"]),
        ("https://dock.test", {}, ["MG-SYS-010"]),
        ("", {"GOPROXY": "https://shell.test"}, []),
    ],
)
async def test_launchd_is_compared_with_the_terminal(
    value: str, environ: dict[str, str], found: list[str]
) -> None:
    host = _mac({("launchctl", "getenv", "GOPROXY"): Ran(0, f"{value}\n" if value else "")}, environ)
    assert ids(await examined(macos_launchd.CHECK, host)) == found


async def test_an_active_filter_is_a_note_with_what_it_refused() -> None:
    commands: Commands = {
        ("systemextensionsctl",): Ran(0, texts.EXTENSIONS),
        ("log",): Ran(0, texts.LOG),
    }
    result = await examined(macos_extensions.CHECK, _mac(commands))
    assert ids(result) == ["MG-SYS-006"]
    assert loud(result) == []
    assert any("198.51.100.7:443" in proof.raw for proof in result.findings[0].evidence)
    slow = await examined(macos_extensions.CHECK, _mac({**commands, ("log",): None}))
    assert ids(slow) == ["MG-SYS-006"]


async def test_a_protected_folder_is_told_and_the_protection_is_left_alone() -> None:
    commands: Commands = {("ls", "-lOd", "/usr/bin"): Ran(0, texts.LS_RESTRICTED)}
    result = await examined(macos_sip.CHECK, _mac(commands, {"GOBIN": "/usr/bin"}))
    (finding,) = result.findings
    assert finding.cause.id == "MG-SYS-009"
    assert "csrutil disable" not in repr(finding) + text(finding)
    exempt = await examined(macos_sip.CHECK, _mac(None, {"GOBIN": "/usr/local/bin"}))
    assert ids(exempt) == []


async def test_a_windows_proxy_that_go_does_not_use_is_told() -> None:
    on: Commands = {
        ("reg", "query", SETTINGS_KEY): Ran(0, REGISTRY.format(enable="0x1", server="127.0.0.1:7890"))
    }
    (finding,) = (await examined(windows_proxy.CHECK, _windows(on))).findings
    assert finding.cause.id == "MG-SYS-002"
    assert finding.repair is not None
    assert finding.repair.commands == (
        'setx HTTPS_PROXY "http://127.0.0.1:7890"',
        'setx NO_PROXY "localhost,10.0.0.0/8"',
    )
    used = _windows(on, {"HTTPS_PROXY": "http://127.0.0.1:7890"})
    assert ids(await examined(windows_proxy.CHECK, used)) == []


async def test_a_services_proxy_counts_where_the_user_has_none() -> None:
    winhttp: Commands = {("netsh",): Ran(0, "    Proxy Server(s) :  p.test:8080\n")}
    assert ids(await examined(windows_proxy.CHECK, _windows(winhttp))) == ["MG-SYS-002"]


async def test_a_variable_of_the_terminal_alone_is_told_where_an_editor_is() -> None:
    host = _windows(environ={"HTTPS_PROXY": "http://t.test:1"})
    (finding,) = (await examined(windows_environment.CHECK, host)).findings
    assert (finding.cause.id, finding.subject) == ("MG-VSC-005", "HTTPS_PROXY")
    alone = RecordedHost(
        System.WINDOWS,
        environ={"GOPROXY": "https://g.test,direct", "HTTPS_PROXY": "http://t.test:1"},
        commands=HEALTHY_WINDOWS,
    )
    result = await examined(windows_environment.CHECK, alone)
    assert ids(result) == []
    assert "HTTPS_PROXY" in said(result)


async def test_a_terminal_opened_before_the_change_is_told() -> None:
    host = _windows(environ={"GOPROXY": "https://old.test"})
    (finding,) = (await examined(windows_environment.CHECK, host)).findings
    assert dict(finding.values) == {
        "variable": "GOPROXY",
        "gui": "https://g.test,direct",
        "terminal": "https://old.test",
    }


def _gnome(mode: str, **environ: str) -> RecordedHost:
    printed = GNOME.format(mode=mode, url="http://w.test/p.pac", https="p.test", port=8080)
    return RecordedHost(environ=environ, commands={("gsettings",): Ran(0, printed)})


async def test_a_gnome_proxy_is_told_inside_a_session_only() -> None:
    assert ids(await examined(desktop_proxy.CHECK, _gnome("manual", DISPLAY=":0"))) == ["MG-SYS-002"]
    assert ids(await examined(desktop_proxy.CHECK, _gnome("auto", DISPLAY=":0"))) == ["MG-SYS-003"]
    assert ids(await examined(desktop_proxy.CHECK, _gnome("none", DISPLAY=":0"))) == []
    assert ids(await examined(desktop_proxy.CHECK, _gnome("manual"))) == []


async def test_a_kde_proxy_is_told() -> None:
    host = RecordedHost(
        environ={"XDG_CURRENT_DESKTOP": "KDE", "WAYLAND_DISPLAY": "w"},
        files={
            "/home/me/.config/kioslaverc": "[Proxy Settings]\nProxyType=1\nhttpsProxy=http://k.test 8081\n"
        },
    )
    (finding,) = (await examined(desktop_proxy.CHECK, host)).findings
    assert finding.values["system"] == "KDE"
