"""What the lint calls an error must fail or go astray in the real go; what go takes as meant must pass."""

from __future__ import annotations

import re
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from modgate.client.findings import Severity
from modgate.client.machine.lint import (
    lint_go111module,
    lint_goauth,
    lint_goflags,
    lint_goproxy,
    lint_gosumdb,
    lint_gotoolchain,
    mended_value,
)

if TYPE_CHECKING:
    from pathlib import Path

    from modgate.client.findings import Finding

pytestmark = pytest.mark.go

MEANT_HOSTS = {
    "a.test",
    "a.test.cn",
    "b.test",
    "a_b.test",
    "goproxy.cn",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "b",
}

GOPROXIES = [
    *("https://a.test", "https://a.test,direct", "https://a.test|https://b.test", "goproxy.cn", "direct"),
    *("goproxy.cn,direct", "a.test:8080", "localhost:8080", "127.0.0.1:3000", "a.test/x", "HTTPS://a.test"),
    *(
        " https://a.test , off ",
        "https://a.test,",
        ",https://a.test",
        "https://a.test,,off",
        "https://a.test\r",
    ),
    *("https://a.test/?token=x", "https://user:pw@a.test", "user:pw@a.test", "https://a.test/#f", "[::1]:80"),
    *(
        "https://[::1]:80/x",
        "https://a_b.test",
        "https://a.test/x;y",
        "https://a.test/~me/",
        "direct,goproxy",
    ),
    *(
        "off,goproxy",
        "https://a.test\n",
        "https://a.test　",
        "https://a.test/%20x",
        "https://a.test:",
        "direct,",
    ),
    *("https://a.test https://b.test", "https://a.test direct", "https://a.test/x direct", "direct off"),
    *(
        "https://a.test;direct",
        "https://a.test/x;direct",
        "goproxy.cn;direct",
        "direct;off",
        "https://a.test;",
    ),
    *("https://a.test，direct", "https://a.test；direct", "https://a.test、direct", "https://a.test　direct"),
    *("https://a.test/x，direct", "https://a.test｜direct", "https://a.test／x", "https：//a.test"),
    *('"https://a.test,direct"', "'https://a.test'", "“https://a.test”", '"direct"', 'https://a.test"'),
    *('https://a.test/"', "`x`", "https:/a.test", "https//a.test", "http://https://a.test", "https:a.test"),
    *("https://https//a.test", "https:///a.test", "https://", "https://:80", "https:\\\\a.test"),
    *("Direct", "OFF", "https://a.test,Direct", "goproxy", "localhost", "none", "default", "true"),
    *("ftp://a.test", "socks5://a.test", "htps://a.test", "ssh://git@a.test", "C:\\go\\proxy", "/tmp/x"),
    *("//a.test", "./x", "../x", "file://x/y", "file:x", "https://a.test:abc", "https://a.test:99999"),
    *(
        "https://a%zz.test",
        "https://a.test/%zz",
        "https://a test",
        "https://a.test\\x",
        "https://a.test\toff",
    ),
    *(
        "$GOPROXY,direct",
        "https://$HOST",
        "%GOPROXY%;https://a.test",
        "GOPROXY=https://a.test",
        ",",
        " ",
        "|",
    ),
    *("http://u:p@a.test", "http://token@a.test/x", "https://a.test。cn", "https://a.test,“direct”"),
]


class Go:
    """go in an empty folder behind a proxy variable that leads nowhere."""

    def __init__(self, command: str, folder: Path) -> None:
        self._command = command
        self._folder = folder
        (folder / "go.mod").write_text("module m.test\n\ngo 1.20\n")

    def run(self, *arguments: str, **variables: str) -> str:
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._folder),
            "GOMODCACHE": str(self._folder / "mc"),
            "GOENV": "off",
            "GOFLAGS": "-modcacherw",
            "GOTOOLCHAIN": "local",
            "GOSUMDB": "off",
            "HTTP_PROXY": "http://127.0.0.1:1",
            "HTTPS_PROXY": "http://127.0.0.1:1",
            **variables,
        }
        done = subprocess.run(
            [self._command, *arguments],
            env=environ,
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr + done.stdout


@pytest.fixture
def go(go_command: str, tmp_path: Path) -> Go:
    return Go(go_command, tmp_path)


def _errors(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.cause.id for finding in findings if finding.shown_severity is Severity.ERROR]


def _goes_as_meant(said: str) -> bool:
    """Whether go asked a host that somebody meant, for the module and nothing else."""
    if "unrecognized import path" in said or "disabled by GOPROXY=off" in said:
        return True
    asked = re.search(r'Get "https?://([^/"]*)(/[^"]*)"', said)
    if asked is None or "no Host in request URL" in said:
        return False
    host = re.sub(r":\d*$", "", asked[1].rpartition("@")[2])
    prefix = asked[2].partition("/example.com/")[0]
    return host in MEANT_HOSTS and not re.search(r"%(?!20x)|;(?!y)|https?[:/]", prefix)


@pytest.mark.parametrize("text", GOPROXIES)
def test_an_error_about_goproxy_is_an_error_of_go(text: str, go: Go) -> None:
    errors = [error for error in _errors(lint_goproxy(text, "x")) if error != "MG-CFG-001"]
    said = go.run("list", "-m", "example.com/x@v1.0.0", GOPROXY=text)
    if "99999" in text:
        assert errors
        return
    assert bool(errors) is not _goes_as_meant(said), (errors, said)


@pytest.mark.parametrize("text", [text for text in GOPROXIES if _errors(lint_goproxy(text, "x"))])
def test_a_mended_goproxy_goes_as_meant(text: str, go: Go) -> None:
    mended = mended_value("GOPROXY", text)
    if not mended or mended.startswith("file:"):
        return
    assert not _errors(lint_goproxy(mended, "x"))
    assert _goes_as_meant(go.run("list", "-m", "example.com/x@v1.0.0", GOPROXY=mended)), mended


KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
GOSUMDBS = [
    *("sum.golang.org", "sum.golang.google.cn", KEY, f"{KEY} https://a.test", " sum.golang.org "),
    *("sum.golang.org https://a.test/x", "sum.golang.org\r", "sum.golang.google.cn\r", "off\r", "OFF", "Off"),
    *("https://sum.golang.org", "sum.golang.com", "sum.golang.org,direct", "sum.golang.org https://a b", "x"),
    *(
        '"sum.golang.org"',
        "sum.golang.google.cn https://a.test",
        KEY[:-1],
        f"{KEY}x",
        "sum.golang.org a.test",
    ),
    *("sum.golang.org https:/a.test", "goproxy.cn", "https://goproxy.cn/sumdb/sum.golang.org", " "),
]


@pytest.mark.parametrize("text", GOSUMDBS)
def test_an_error_about_gosumdb_is_an_error_of_go(text: str, go: Go, tmp_path: Path) -> None:
    folder = tmp_path / "proxy" / "example.com" / "x" / "@v"
    folder.mkdir(parents=True)
    (folder / "v1.0.0.mod").write_text("module example.com/x\n")
    (folder / "v1.0.0.info").write_text('{"Version":"v1.0.0"}')
    with zipfile.ZipFile(folder / "v1.0.0.zip", "w") as file:
        file.writestr("example.com/x@v1.0.0/go.mod", "module example.com/x\n")
    said = go.run(
        *("mod", "download", "example.com/x@v1.0.0"), GOPROXY=f"file://{tmp_path}/proxy", GOSUMDB=text
    )
    works = "proxyconnect" in said and "no Host" not in said
    assert bool(_errors(lint_gosumdb(text, "x"))) is not works, said


@pytest.mark.parametrize(
    "text",
    [
        *(
            "local",
            "auto",
            "path",
            "local+auto",
            "local+path",
            "go1.26.8",
            "go1.21.0+auto",
            "go1.20rc1",
            "go1",
        ),
        *(
            "go1.2.3-bigcorp",
            "go1.26.8+path",
            "Local",
            "AUTO",
            "1.26.8",
            "go1.26.8+foo",
            "go",
            "latest",
            "local+",
        ),
        *(
            "v1.26.8",
            "go-1.26",
            "local\r",
            '"local"',
            "go1.26.08",
            "go2",
            "go1.26.x",
            "off",
            "default",
            "local+x",
        ),
        *("go1.22.1+auto+path", "bash", "go1.3/x", "go1.99.0-rc1"),
    ],
)
def test_an_error_about_gotoolchain_is_an_error_of_go(text: str, go: Go) -> None:
    said = go.run("list", "-m", GOTOOLCHAIN=text, GOPROXY="off", GOFLAGS="")
    assert bool(_errors(lint_gotoolchain(text, "x"))) is ("invalid GOTOOLCHAIN" in said), said


@pytest.mark.parametrize(
    "text",
    [
        *("-mod=mod", "-mod=readonly -v", "--mod=mod", "'-tags=a b'", "", "-v", "-modcacherw"),
        *("-mod mod", "mod=mod", "—mod=mod", "'-v", "-insecure=1", "-nonsense", "---v", "-=x", "-", "- mod"),
        *("-mod=foo", "-ldflags=-s -w", "-ldflags=-s", "“-mod=mod”", '"-v" -x', "-buildvcs=false", "-c=5"),
    ],
)
def test_an_error_about_goflags_is_an_error_of_go(text: str, go: Go) -> None:
    said = go.run("list", "-e", "-f", "ok", "std", GOFLAGS=text, GOPROXY="off")
    refused = "parsing $GOFLAGS" in said or "not supported (can be" in said or "invalid value" in said
    assert bool(_errors(lint_goflags(text, "x"))) is refused, said[:200]


@pytest.mark.parametrize("text", ["on", "off", "auto", "", "On", "true", "1", "on ", "yes"])
def test_an_error_about_go111module_is_an_error_of_go(text: str, go: Go) -> None:
    said = go.run("env", "GOMOD", GO111MODULE=text)
    assert bool(_errors(lint_go111module(text, "x"))) is ("unknown environment setting" in said)


@pytest.mark.parametrize(
    "text",
    ["off", "netrc", "netrc; git /tmp", "git", "git rel", "off;netrc", "netrc;", ";", "git /tmp", "cmd a b"],
)
def test_an_error_about_goauth_is_an_error_of_go(text: str, go: Go) -> None:
    said = go.run("list", "-m", "example.com/x@v1.0.0", GOPROXY="https://a.test", GOAUTH=text)
    refused = "GOAUTH" in said and "proxyconnect" not in said
    assert bool(_errors(lint_goauth(text, "x"))) is refused, said
