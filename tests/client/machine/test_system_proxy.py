"""Proxies of desktops: Windows, GNOME, KDE; exceptions as NO_PROXY takes them."""

# ruff: noqa: E501  recorded lines are as long as they are

from __future__ import annotations

import pytest

from modgate.client.machine.linux_desktop import parse_gsettings, parse_kioslaverc
from modgate.client.machine.system_proxy import SystemProxy, excepted, host_and_port, no_proxy
from modgate.client.machine.windows import (
    RegistryValue,
    desktop_variables,
    parse_dns_servers,
    parse_internet_settings,
    parse_registry,
    parse_winhttp,
)


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("169.254/16", "169.254.0.0/16"),
        ("10/8", "10.0.0.0/8"),
        ("10.*", "10.0.0.0/8"),
        ("192.168.*", "192.168.0.0/16"),
        ("172.16.5.*", "172.16.5.0/24"),
        ("127.0.0.0/8", "127.0.0.0/8"),
        ("*.local", ".local"),
        ("*corp.test", "corp.test"),
        ("git.example.test", "git.example.test"),
        ("::1", "::1"),
        ("<local>", ""),
        ("a*b.test", ""),
        ("*", ""),
    ],
)
def test_exceptions_are_written_as_no_proxy_takes_them(written: str, wanted: str) -> None:
    assert no_proxy([written]) == wanted


def test_each_exception_is_written_once() -> None:
    assert no_proxy(["*.local", "10/8", "10.*", "<local>", "*.local"]) == ".local,10.0.0.0/8"


@pytest.mark.parametrize(
    ("host", "out"),
    [
        ("printer.local", True),
        ("10.1.2.3", True),
        ("11.1.2.3", False),
        ("gate", True),
        ("proxy.example.test", False),
        ("a.corp.test", True),
    ],
)
def test_the_settings_know_who_goes_out_directly(host: str, out: bool) -> None:
    proxy = SystemProxy("http://p.test:1", exceptions=("*.local", "10/8", ".corp.test"), simple_names=True)
    assert excepted(host, proxy) is out


def test_proxies_are_compared_by_host_and_port() -> None:
    assert host_and_port("http://u:p@P.test:8080/") == host_and_port("p.test:8080") == ("p.test", 8080)
    assert host_and_port("http://[::1") == ("http://[::1", 0)


REGISTRY = """\r
HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings\r
    ProxyEnable    REG_DWORD    {enable}\r
    ProxyServer    REG_SZ    {server}\r
    ProxyOverride    REG_SZ    localhost;10.*;<local>\r
    User Agent    REG_SZ    Mozilla/4.0 (compatible; MSIE 8.0; Win32)\r
    AutoDetect    REG_DWORD    0x0\r
    Empty    REG_SZ    \r
\r
HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings\\Zones\r
"""


@pytest.mark.parametrize(
    ("server", "https", "socks"),
    [
        ("127.0.0.1:7890", "http://127.0.0.1:7890", ""),
        ("http=a.test:80;https=b.test:81;socks=c.test:82", "http://b.test:81", "socks5://c.test:82"),
        ("https://p.test:8443", "https://p.test:8443", ""),
        ("socks=c.test:82", "", "socks5://c.test:82"),
    ],
)
def test_the_internet_settings_of_windows_are_read(server: str, https: str, socks: str) -> None:
    on = parse_internet_settings(parse_registry(REGISTRY.format(enable="0x1", server=server)))
    assert (on.https, on.socks, on.simple_names) == (https, socks, True)
    off = parse_internet_settings(parse_registry(REGISTRY.format(enable="0x0", server=server)))
    assert not off.for_go


def test_names_and_values_with_blanks_are_read() -> None:
    values = parse_registry(REGISTRY.format(enable="0x1", server="p"))
    assert values["User Agent"].text == "Mozilla/4.0 (compatible; MSIE 8.0; Win32)"
    assert values["Empty"].text == ""


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("Current WinHTTP proxy settings:\n\n    Direct access (no proxy server).\n", ""),
        (
            "Current WinHTTP proxy settings:\n\n    Proxy Server(s) :  p.test:8080\n    Bypass List     :  <local>\n",
            "http://p.test:8080",
        ),
        ("当前的 WinHTTP 代理服务器设置:\n\n    直接访问(没有代理服务器)。\n", ""),
        (
            "当前的 WinHTTP 代理服务器设置:\n\n    代理服务器:  http=a.test:80;https=b.test:81\n    绕过列表     :  (无)\n",
            "http://b.test:81",
        ),
    ],
)
def test_winhttp_is_read_in_any_language(text: str, proxy: str) -> None:
    assert parse_winhttp(text) == proxy


def test_a_users_variable_hides_the_machines_and_path_is_joined() -> None:
    machine = {
        "GOPROXY": RegistryValue("REG_SZ", "https://m.test"),
        "Path": RegistryValue("REG_EXPAND_SZ", r"%SystemRoot%\system32"),
    }
    user = {
        "goproxy": RegistryValue("REG_SZ", "https://u.test"),
        "Path": RegistryValue("REG_EXPAND_SZ", r"%USERPROFILE%\go\bin;%UNKNOWN%"),
    }
    environ = {"SYSTEMROOT": r"C:\Windows", "USERPROFILE": r"C:\Users\me"}
    assert desktop_variables(machine, user, environ) == {
        "GOPROXY": "https://u.test",
        "PATH": r"C:\Windows\system32;C:\Users\me\go\bin;%UNKNOWN%",
    }


def test_resolvers_of_windows_are_read_by_interface() -> None:
    text = (
        '[{"InterfaceAlias":"Wi-Fi","ServerAddresses":["192.168.1.1"]},'
        '{"InterfaceAlias":"Wi-Fi","ServerAddresses":["fe80::1"]},'
        '{"InterfaceAlias":"Loopback","ServerAddresses":[]}]'
    )
    assert parse_dns_servers(text) == {"Wi-Fi": ("192.168.1.1", "fe80::1")}
    assert parse_dns_servers('{"InterfaceAlias":"E","ServerAddresses":["1.1.1.1"]}') == {"E": ("1.1.1.1",)}
    assert parse_dns_servers("broken") == {}


GNOME = """\
org.gnome.system.proxy autoconfig-url '{url}'
org.gnome.system.proxy ignore-hosts ['localhost', '127.0.0.0/8', '::1']
org.gnome.system.proxy mode '{mode}'
org.gnome.system.proxy use-same-proxy true
org.gnome.system.proxy.ftp host ''
org.gnome.system.proxy.ftp port 0
org.gnome.system.proxy.http authentication-password ''
org.gnome.system.proxy.http host 'p.test'
org.gnome.system.proxy.http port 8080
org.gnome.system.proxy.https host '{https}'
org.gnome.system.proxy.https port {port}
org.gnome.system.proxy.socks host ''
org.gnome.system.proxy.socks port 0
"""


def test_gnomes_settings_are_read() -> None:
    off = GNOME.format(mode="none", url="", https="s.test", port=443)
    assert parse_gsettings(off) == SystemProxy()
    manual = parse_gsettings(GNOME.format(mode="manual", url="", https="s.test", port=8081))
    assert (manual.https, manual.exceptions) == ("http://s.test:8081", ("localhost", "127.0.0.0/8", "::1"))
    same = parse_gsettings(GNOME.format(mode="manual", url="", https="", port=0))
    assert same.https == "http://p.test:8080"
    script = parse_gsettings(GNOME.format(mode="auto", url="http://w.test/p.pac", https="", port=0))
    assert (script.script, script.for_go) == ("http://w.test/p.pac", "")
    assert parse_gsettings(GNOME.format(mode="auto", url="", https="", port=0)).discovers


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (0, SystemProxy()),
        (
            1,
            SystemProxy(
                "http://p.test:8081", "http://p.test:8080", "socks5://s.test:1080", exceptions=("localhost",)
            ),
        ),
        (2, SystemProxy(script="http://w.test/p.pac")),
        (3, SystemProxy(discovers=True)),
        (4, SystemProxy()),
    ],
)
def test_kdes_settings_are_read(kind: int, expected: SystemProxy) -> None:
    text = (
        f"[$Version]\nupdate_info=x\n\n[Proxy Settings]\nProxyType={kind}\nProxy Config Script=http://w.test/p.pac\n"
        "httpProxy=http://p.test 8080\nhttpsProxy=http://p.test 8081\nsocksProxy=socks://s.test 1080\nNoProxyFor=localhost\n"
    )
    assert parse_kioslaverc(text) == expected
    assert parse_kioslaverc("no ini") == SystemProxy()
