"""The checks of go's settings, over recorded machines of three systems."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modgate.client.doctor import (
    certificate_files,
    container,
    go_command,
    go_variables,
    goenv_file,
    goflags,
    goprivate,
    goproxy,
    gosumdb,
    gotoolchain,
    module_cache,
    proxy_variables,
    shell_profiles,
    vendoring,
    wsl,
)
from modgate.client.findings import Severity
from modgate.client.machine.host import Ran, System
from tests.client.doctor.settings_scene import GOENVS, ids, outcome, recorded

if TYPE_CHECKING:
    from modgate.client.machine.recorded import RecordedHost

ALL = [
    module.CHECK
    for module in (
        *(go_command, goenv_file, go_variables, goproxy, gosumdb, goprivate, goflags, gotoolchain, vendoring),
        *(module_cache, proxy_variables, certificate_files, shell_profiles, container, wsl),
    )
]
BUNDLE = "-----BEGIN CERTIFICATE-----\n"
CA = {"/etc/ssl/certs/ca-certificates.crt": BUNDLE}
TOLD = {"GOROOT": "/usr/lib/go", "GOVERSION": "go1.24.1", "GOPROXY": "https://proxy.golang.org,direct"}
GO: dict[tuple[str, ...], Ran | None] = {("go",): Ran(0, json.dumps(TOLD))}


def _go(version: str) -> dict[tuple[str, ...], Ran | None]:
    return {("go",): Ran(0, json.dumps({**TOLD, "GOVERSION": version}))}


@pytest.mark.parametrize("system", list(System))
async def test_a_healthy_machine_gives_no_finding(system: System) -> None:
    files = {
        **CA,
        "/proc/version": "Linux version 6.8.0-generic",
        "/etc/resolv.conf": "nameserver 127.0.0.53\n",
        "/home/me/.bashrc": "case $- in\n *i*) ;;\n *) return;;\nesac\nexport PATH=$PATH:/usr/local/go/bin\n",
        "/home/me/.profile": '. "$HOME/.bashrc"\nPATH="$HOME/bin:$PATH"\n',
        "/Users/me/.zshrc": "export PATH=$PATH:~/go/bin\n",
    }
    host = recorded(system, files=files, commands=GO, SHELL="/bin/bash")
    for check in ALL:
        if system in check.systems:
            assert ids(await outcome(check, host)) == [], check.name


@pytest.mark.parametrize("system", list(System))
async def test_the_goenv_file_is_found_where_this_system_has_it(system: System) -> None:
    host = recorded(system, goenv="GOPROXY=https://a.test direct\n")
    result = await outcome(goproxy.CHECK, host)
    assert ids(result) == ["MG-CFG-003"]
    finding = result.findings[0]
    assert finding.evidence[0].source == f"{GOENVS[system]}:1"
    assert finding.repair is not None
    assert finding.repair.edits[0].after == b"GOPROXY=https://a.test,direct\n"


async def test_a_repair_keeps_every_other_line_byte_for_byte() -> None:
    before = b"# mine\r\nGOFLAGS=-v\nGOPROXY=Direct\nGOPRIVATE=x.test \nGOPROXY=https:/a.test,direct\nEND"
    result = await outcome(goproxy.CHECK, recorded(goenv=before))
    assert ids(result) == ["MG-CFG-005"]
    repair = result.findings[0].repair
    assert repair is not None
    assert repair.edits[0].before == before
    assert repair.edits[0].after == before.replace(b"https:/a.test", b"https://a.test")


async def test_a_variable_is_repaired_by_a_command_to_show() -> None:
    result = await outcome(goproxy.CHECK, recorded(GOPROXY="https://a.test；direct"))
    repair = result.findings[0].repair
    assert repair is not None
    assert repair.edits == ()
    assert repair.commands == ("export GOPROXY=https://a.test,direct",)
    shown = await outcome(goproxy.CHECK, recorded(System.WINDOWS, GOPROXY='"https://a.test"'))
    assert shown.findings[0].repair is not None
    assert shown.findings[0].repair.commands == ("$env:GOPROXY = 'https://a.test'",)


async def test_a_password_never_reaches_a_finding() -> None:
    for text in ("https：//bob:s3cret@a.test", "http://bob:s3cret@a.test", "https:/bob:s3cret@a.test;direct"):
        result = await outcome(goproxy.CHECK, recorded(GOPROXY=text))
        assert result.findings
        assert "s3cret" not in repr(result)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://mirrors.tuna.tsinghua.edu.cn/goproxy/,direct", ["MG-CFG-013"]),
        ("https://mirrors.aliyun.com/go/,direct", ["MG-CFG-013"]),
        ("https://sum.golang.org,direct", ["MG-CFG-013"]),
        ("https://gorpoxy.cn,direct", ["MG-CFG-012"]),
        ("https://goproxy.cn,direct", []),
        ("https://mirrors.aliyun.com/goproxy/,direct", []),
        ("https://goproxy.cn,https://goproxy.io,direct", ["MG-CFG-028"]),
        ("https://goproxy.cn|https://goproxy.io,direct", []),
        ("https://a.test,https://a.test/,direct", ["MG-CFG-036", "MG-CFG-028"]),
        ("direct,https://goproxy.cn", ["MG-CFG-035"]),
        ("https://proxy.corp.test,direct", []),
        ("off", ["MG-CFG-001"]),
    ],
)
async def test_what_a_person_did_not_mean_is_told(text: str, expected: list[str]) -> None:
    assert ids(await outcome(goproxy.CHECK, recorded(GOPROXY=text))) == expected


async def test_one_broken_file_gives_one_finding_and_one_repair() -> None:
    goenv = b"\xef\xbb\xbfGOPROXY=off\r\nGOSUMDB=sum.golang.google.cn\r\nGOMODCACHE='/m'\r\n"
    host = recorded(goenv=goenv)
    assert ids(await outcome(gosumdb.CHECK, host)) == []
    result = await outcome(goenv_file.CHECK, host)
    assert ids(result) == ["MG-CFG-011", "MG-CFG-010", "MG-CFG-004"]
    assert len({found.repair for found in result.findings}) == 1
    repair = result.findings[0].repair
    assert repair is not None
    assert repair.edits[0].after == b"GOPROXY=off\nGOSUMDB=sum.golang.google.cn\nGOMODCACHE=/m\n"


async def test_a_folder_that_is_missing_is_told() -> None:
    files = {"/srv/proxy/x": ""}
    host = recorded(files=files, GOPROXY="file:///srv/proxy,file:///srv/none,direct")
    result = await outcome(goproxy.CHECK, host)
    assert ids(result)[-1] == "MG-CFG-008"
    assert "none" in str(result.findings[-1].values["value"])


async def test_line_ends_marks_and_rights_of_the_goenv_file_are_told() -> None:
    check = goenv_file.CHECK
    crlf = await outcome(check, recorded(goenv=b"GOPROXY=off\r\nGOSUMDB=off\r\n"))
    assert ids(crlf) == ["MG-CFG-010"]
    assert crlf.findings[0].values["variable"] == "GOSUMDB"
    assert crlf.findings[0].repair is not None
    assert crlf.findings[0].repair.edits[0].after == b"GOPROXY=off\nGOSUMDB=off\n"
    harmless = await outcome(check, recorded(goenv=b"GOPROXY=https://a.test\r\n"))
    assert [found.shown_severity for found in harmless.findings] == [Severity.NOTE]
    bom = await outcome(check, recorded(goenv=b"\xef\xbb\xbfGOPROXY=off\n"))
    assert ids(bom) == ["MG-CFG-011"]
    assert bom.findings[0].values["variable"] == "GOPROXY"
    utf16 = await outcome(check, recorded(System.WINDOWS, goenv="GOPROXY=off\r\n".encode("utf-16")))
    assert ids(utf16) == ["MG-CFG-041"]
    assert utf16.findings[0].repair is not None
    assert utf16.findings[0].repair.edits[0].after == b"GOPROXY=off\n"
    assert ids(await outcome(check, recorded(goenv=None))) == ["MG-CFG-039"]
    export = await outcome(check, recorded(goenv="export GOPROXY=off\n# GOPROXY=x\n"))
    assert ids(export) == ["MG-CFG-024"]
    quoted = await outcome(check, recorded(goenv='GOMODCACHE="/m"\n'))
    assert ids(quoted) == ["MG-CFG-004"]


async def test_a_value_that_an_os_variable_hides_is_told_once() -> None:
    host = recorded(goenv="GOPROXY=https://a.test\nGOSUMDB=off\n", GOPROXY="https://b.test", GOSUMDB="off")
    assert ids(await outcome(go_variables.CHECK, host)) == ["MG-CFG-023"]


@pytest.mark.parametrize(
    ("name", "right"),
    [
        *(("GOPROXYS", "GOPROXY"), ("GO_PROXY", "GOPROXY"), ("GOPORXY", "GOPROXY"), ("goproxy", "GOPROXY")),
        *(("GONOSUMBD", "GONOSUMDB"), ("GOPRIVTE", "GOPRIVATE"), ("GOTOOLCHIAN", "GOTOOLCHAIN")),
    ],
)
async def test_a_misspelt_variable_is_told(name: str, right: str) -> None:
    result = await outcome(go_variables.CHECK, recorded(variables={name: "x"}))
    assert ids(result) == ["MG-CFG-024"]
    assert result.findings[0].values["right"] == right
    excused = await outcome(go_variables.CHECK, recorded(variables={name: "x", right: "direct"}))
    assert "MG-CFG-024" not in ids(excused)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "GOOGLE_CLOUD_PROJECT",
            "GOPLS_LOG",
            "GODEBUG",
            "GOLANGCI_LINT_CACHE",
            "GOBIN",
            "GOVERSION",
            "GOGC",
        ),
        *(
            "GOLAND_JDK",
            "GOLANG_VERSION",
            "GOMAXPROCS",
            "GO_ENV",
            "GO_VERSION",
            "GOSU_VERSION",
            "GOFILE",
            "GOOD",
        ),
        *("GOTESTSUM_FORMAT", "GOMEMLIMIT", "GOTRACEBACK", "GOPACKAGE", "GOCOVERDIR", "GOHOSTOS", "GOPASS_X"),
    ],
)
async def test_a_variable_of_another_program_is_left_alone(name: str) -> None:
    assert ids(await outcome(go_variables.CHECK, recorded(variables={name: "x"}))) == []


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "https://git.test/x",
            ".corp.test",
            "a.test;b.test",
            "git.test:8443/*",
            "Git.test/*",
            "git@git.test",
        ),
        *(
            " a.test",
            "“a.test”",
            "a.test,[b",
            "a.test/...",
            "*",
            "a.test|b.test",
            "a.test，b.test",
            "/a.test",
        ),
    ],
)
async def test_a_pattern_that_cannot_mean_what_it_says_is_told(pattern: str) -> None:
    assert ids(await outcome(goprivate.CHECK, recorded(GOPRIVATE=pattern))) == ["MG-CFG-018"]


@pytest.mark.parametrize(
    "pattern",
    [
        "a.test",
        "*.corp.test",
        "a.test/x/*",
        "a.test/",
        "github.com/Corp/*",
        "a.test,,b.test/y",
        "*.test/[a-c]?",
    ],
)
async def test_a_pattern_that_matches_something_is_left_alone(pattern: str) -> None:
    assert ids(await outcome(goprivate.CHECK, recorded(GOPRIVATE=pattern))) == []


async def test_goinsecure_for_a_proxy_is_told_to_be_of_no_use() -> None:
    host = recorded(GOINSECURE="a.test", GOPROXY="https://a.test")
    assert ids(await outcome(goprivate.CHECK, host)) == ["MG-CFG-019"]


async def test_no_go_a_broken_go_and_two_go_commands_are_told() -> None:
    assert ids(await outcome(go_command.CHECK, recorded())) == ["MG-CFG-029"]
    broken = recorded(commands={("go",): Ran(1, "", "go: unknown environment setting GO111MODULE=On\n")})
    result = await outcome(go_command.CHECK, broken)
    assert ids(result) == ["MG-CFG-030"]
    assert "GO111MODULE" in str(result.findings[0].values["text"])
    two = recorded(files={"/a/go": "1", "/b/go": "22"}, commands=GO, PATH="/a:/b:/c")
    assert ids(await outcome(go_command.CHECK, two)) == ["MG-CFG-040"]


async def test_a_module_that_wants_a_newer_go_than_local_is_told() -> None:
    files = {"/w/go.mod": "module m.test\n\ngo 1.26.0\n", "/w/sub/x.go": ""}
    host = recorded(files=files, commands=_go("go1.24.1"), cwd="/w/sub", GOTOOLCHAIN="local")
    result = await outcome(gotoolchain.CHECK, host)
    assert ids(result) == ["MG-TC-004"]
    assert result.findings[0].values == {"needed": "1.26.0", "actual": "1.24.1"}
    auto = recorded(files=files, commands=_go("go1.24.1"), cwd="/w/sub", GOTOOLCHAIN="auto")
    assert ids(await outcome(gotoolchain.CHECK, auto)) == []
    unverified = recorded(
        files=files, commands=_go("go1.24.1"), cwd="/w/sub", GOTOOLCHAIN="auto", GOSUMDB="off"
    )
    assert ids(await outcome(gotoolchain.CHECK, unverified)) == ["MG-TC-002"]
    newer = recorded(files=files, commands=_go("go1.26.0"), cwd="/w/sub", GOTOOLCHAIN="local")
    assert ids(await outcome(gotoolchain.CHECK, newer)) == []


async def test_a_vendor_folder_that_differs_from_go_mod_is_told() -> None:
    mod = "module m.test\n\ngo 1.22\n\nrequire a.test/x v1.0.0\n"
    good = "# a.test/x v1.0.0\n## explicit; go 1.20\na.test/x\n"
    for text, expected in (
        (good, []),
        (good.replace("v1.0.0", "v1.1.0"), ["MG-CFG-021"]),
        (good.replace("## explicit; go 1.20\n", ""), ["MG-CFG-021"]),
        (good + "# b.test/y v1.0.0\n## explicit\n", ["MG-CFG-021"]),
        (good + "# b.test/y v1.0.0\n## go 1.20\n", []),
    ):
        host = recorded(files={"/w/go.mod": mod, "/w/vendor/modules.txt": text}, cwd="/w")
        assert ids(await outcome(vendoring.CHECK, host)) == expected, text
    old = {"/w/go.mod": mod.replace("go 1.22", "go 1.13"), "/w/vendor/modules.txt": ""}
    assert ids(await outcome(vendoring.CHECK, recorded(files=old, cwd="/w"))) == []


async def test_proxy_variables_are_looked_at_in_both_spellings() -> None:
    check = proxy_variables.CHECK
    host = recorded(HTTPS_PROXY="http://a.test:1", https_proxy="http://b.test:1")
    assert ids(await outcome(check, host)) == ["MG-PRX-010"]
    assert ids(await outcome(check, recorded(https_proxy="ftp://a.test"))) == ["MG-PRX-006"]
    assert ids(await outcome(check, recorded(HTTPS_PROXY="http://a.test:port"))) == ["MG-PRX-005"]
    assert ids(await outcome(check, recorded(ALL_PROXY="socks5://127.0.0.1:1"))) == ["MG-PRX-013"]
    fine = recorded(
        HTTPS_PROXY="http://u:p@a.test:1/", NO_PROXY="localhost,127.0.0.1,.a.test,*.b.test,10.0.0.0/8,::1"
    )
    assert ids(await outcome(check, fine)) == []
    for entry in ("http://a.test", "a.test;b.test", "10.*", "169.254/16", "“a.test”"):
        assert ids(await outcome(check, recorded(NO_PROXY=f"localhost,{entry}"))) == ["MG-PRX-012"], entry


async def test_certificate_variables_that_lead_nowhere_are_told() -> None:
    check = certificate_files.CHECK
    assert ids(await outcome(check, recorded())) == ["MG-SYS-014"]
    assert ids(await outcome(check, recorded(SSL_CERT_FILE="/none"))) == ["MG-SYS-015"]
    folder = {"/etc/ssl/certs/one.pem": BUNDLE}
    assert ids(await outcome(check, recorded(files=folder, SSL_CERT_FILE="/none"))) == ["MG-SYS-019"]
    assert ids(await outcome(check, recorded(files=folder))) == []
    for system in (System.MACOS, System.WINDOWS):
        assert ids(await outcome(check, recorded(system, SSL_CERT_FILE="/x"))) == ["MG-SYS-016"]


TCP = "  sl  local_address rem_address   st\n   0: 0100007F:1F90 00000000:0000 0A\n"
NOBODY = "  sl  local_address rem_address   st\n"


async def test_a_container_with_a_loopback_proxy_or_a_lost_resolver_is_told() -> None:
    base = {"/.dockerenv": "", "/etc/resolv.conf": "nameserver 127.0.0.11\n", "/proc/net/tcp": NOBODY}
    base["/proc/net/udp"] = NOBODY
    assert ids(await outcome(container.CHECK, recorded(files=base))) == []
    proxy = recorded(files=base, HTTPS_PROXY="http://127.0.0.1:8080")
    assert ids(await outcome(container.CHECK, proxy)) == ["MG-SYS-012"]
    listening = recorded(files={**base, "/proc/net/tcp": TCP}, HTTPS_PROXY="http://127.0.0.1:8080")
    assert ids(await outcome(container.CHECK, listening)) == []
    chain = recorded(files=base, GOPROXY="http://localhost:3000,direct")
    assert ids(await outcome(container.CHECK, chain)) == ["MG-SYS-012"]
    for text in ("nameserver 127.0.0.1\n", "", "search x\n"):
        lost = recorded(files={**base, "/etc/resolv.conf": text})
        assert ids(await outcome(container.CHECK, lost)) == ["MG-SYS-011"], text
    outside = recorded(files={"/proc/net/tcp": NOBODY}, HTTPS_PROXY="http://127.0.0.1:8080")
    assert ids(await outcome(container.CHECK, outside)) == []
    kubernetes = recorded(files={"/etc/resolv.conf": "nameserver 10.96.0.10\n"}, KUBERNETES_SERVICE_HOST="x")
    assert (await outcome(container.CHECK, kubernetes)).facts


async def test_the_toolchain_of_an_image_is_told_where_it_matters() -> None:
    files = {
        "/.dockerenv": "",
        "/etc/resolv.conf": "nameserver 10.0.0.1\n",
        "/usr/lib/go/go.env": "GOTOOLCHAIN=local\n",
        "/w/go.mod": "module m.test\n\ngo 1.26\n",
    }
    host = recorded(files=files, commands=GO, cwd="/w")
    assert ids(await outcome(container.CHECK, host)) == ["MG-SYS-017"]
    assert ids(await outcome(gotoolchain.CHECK, host)) == ["MG-TC-004"]


async def test_wsl_with_a_proxy_of_windows_is_told_unless_its_network_is_mirrored() -> None:
    base = {
        "/proc/version": "Linux version 5.15.153.1-microsoft-standard-WSL2",
        "/etc/resolv.conf": "nameserver 10.255.255.254\n",
        "/proc/net/tcp": NOBODY,
        "/etc/wsl.conf": "[network]\ngenerateResolvConf = false\n",
    }
    host = recorded(files=base, https_proxy="http://127.0.0.1:7890")
    result = await outcome(wsl.CHECK, host)
    assert ids(result) == ["MG-SYS-012"]
    assert "settings.wsl.resolver" in [fact.key for fact in result.facts]
    mirrored = {**base, "/mnt/c/Users/bob/.wslconfig": "[wsl2]\nnetworkingMode=mirrored\n"}
    assert ids(await outcome(wsl.CHECK, recorded(files=mirrored, https_proxy="http://127.0.0.1:7890"))) == []
    assert ids(await outcome(wsl.CHECK, recorded(https_proxy="http://127.0.0.1:7890"))) == []


async def test_relative_folders_are_told() -> None:
    host = recorded(GOCACHE="cache", goenv="GOMODCACHE=mod\n")
    assert ids(await outcome(module_cache.CHECK, host)) == ["MG-CACHE-004", "MG-CACHE-004"]
    windows = recorded(System.WINDOWS, GOMODCACHE=r"D:\mod", GOCACHE=r"\cache")
    assert ids(await outcome(module_cache.CHECK, windows)) == ["MG-CACHE-004"]


def _bash(text: str, **environ: str) -> RecordedHost:
    return recorded(files={"/home/me/.bashrc": text}, SHELL="/bin/bash", variables=environ)


async def test_shell_profiles_tell_what_does_not_reach_a_program() -> None:
    check = shell_profiles.CHECK
    silent = await outcome(check, _bash("# x\nGOPROXY=https://a.test\n"))
    assert ids(silent) == ["MG-SHELL-001"]
    assert silent.findings[0].repair is not None
    assert silent.findings[0].repair.edits[0].after == b"# x\nexport GOPROXY=https://a.test\n"
    assert ids(await outcome(check, _bash("GOPROXY=x\n", GOPROXY="x"))) == []
    assert ids(await outcome(check, _bash("PATH=$PATH:/usr/local/go/bin\n"))) == []
    twice = _bash("PATH=$PATH:/go/bin\nexport PATH=$PATH:/other\nPATH=/go/bin:$PATH\n")
    assert ids(await outcome(check, twice)) == ["MG-SHELL-002"]
    later = await outcome(check, _bash("export GOPROXY=a\nexport GOPROXY=b\n", GOPROXY="b"))
    assert ids(later) == ["MG-SHELL-003"]
    assert later.findings[0].values["second"] == "/home/me/.bashrc:2"
    assert ids(await outcome(check, _bash("export GOPROXY=new\n", GOPROXY="old"))) == ["MG-SHELL-005"]
    assert ids(await outcome(check, _bash("export GOPROXY=same\n", GOPROXY="same"))) == []


async def test_a_file_that_this_shell_does_not_read_is_told() -> None:
    check = shell_profiles.CHECK
    zsh = {"/Users/me/.bash_profile": "export GOPROXY=x\n", "/Users/me/.zshrc": ""}
    host = recorded(System.MACOS, files=zsh, SHELL="/bin/zsh")
    result = await outcome(check, host)
    assert ids(result) == ["MG-SHELL-004"]
    assert result.findings[0].values["shell"] == "zsh"
    has_it = recorded(System.MACOS, files=zsh, SHELL="/bin/zsh", GOPROXY="x")
    assert ids(await outcome(check, has_it)) == []
    login = recorded(files={"/home/me/.bash_profile": "export GOPROXY=x\n"}, SHELL="/bin/bash")
    assert ids(await outcome(check, login)) == ["MG-SHELL-004"]
    assert (await outcome(check, login)).findings[0].confidence < 0.8
