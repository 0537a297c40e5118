"""No output of any command holds a secret that stands in the settings, files, answers or logs that it read.

Every place where people keep credentials gets one of its own that stands nowhere else, every command runs
over them, and whatever it printed or wrote is searched for each. The servers are naive: they repeat the
headers they got in their answers, as gateways do.
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from modgate.client.machine.showing import hidden_value, safe
from modgate.gomod.harmless import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Naive(http.server.BaseHTTPRequestHandler):
    """Refuses with the caller's own header, and with what a terminal would obey."""

    protocol_version = "HTTP/1.1"
    status = 403

    def do_GET(self) -> None:
        given = self.headers.get("Authorization")
        body = f"no \x1b]0;x\x07 \x9b31m \u202e: Authorization: {given}, see https://u:{given}@h.test/\n".encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Home:
    """A person's home in which every secret is known."""

    folder: Path
    port: int
    secrets: dict[str, str] = field(default_factory=dict)

    def secret(self, place: str) -> str:
        self.secrets[place] = f"q{len(self.secrets):02d}Canary{re.sub('[^A-Za-z]', '', place)}"
        return self.secrets[place]

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *args: str, stdin: str = "", **environ: str) -> str:
        known = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "COLUMNS": "250",
            "LANG": "C.UTF-8",
            "SHELL": "/bin/bash",
            "GOTOOLCHAIN": "local",
            "GOMODCACHE": str(self.folder / "cache"),
            "GOFLAGS": "-modcacherw",
        }
        ran = subprocess.run(
            [sys.executable, "-m", "modgate", *args],
            env=known | environ,
            cwd=self.folder / "project",
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in ran.stderr
        return ran.stdout + ran.stderr

    def leaked(self, text: str) -> list[str]:
        """The places whose secrets stand in the text, as they are or encoded as headers have them."""
        plain = [place for place, secret in self.secrets.items() if secret in text]
        encoded = [
            place
            for place, secret in self.secrets.items()
            for user in ("u", "me", "oauth2")
            if base64.b64encode(f"{user}:{secret}".encode()).decode() in text
        ]
        return plain + encoded


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Naive)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made.server_port
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def home(tmp_path: Path, server: int) -> Home:
    home = Home(tmp_path, server)
    secret, at = home.secret, f"127.0.0.1:{server}"
    home.write(
        ".netrc",
        f"machine git.corp.test login me password {secret('netrc')}\n"
        f"machine 127.0.0.1 login me password {secret('netrc of the proxy')}\nmachine broken login\n",
    )
    home.write(
        ".gitconfig",
        f'[url "https://me:{secret("insteadOf")}@git.corp.test/"]\n\tinsteadOf = https://git.corp.test/\n'
        f"[http]\n\tproxy = http://u:{secret('git proxy')}@127.0.0.1:9\n"
        f"\textraHeader = Authorization: Bearer {secret('git header')}\n",
    )
    home.write(
        ".bashrc",
        f"export GITHUB_TOKEN=ghp_{secret('exported token')}\n"
        f"GOPROXY=https://u:{secret('not exported')}@{at},direct\n"
        f"export HTTPS_PROXY=http://u:{secret('exported proxy')}@127.0.0.1:9\n"
        f"export PATH=$PATH:/usr/bin:/usr/bin\n"
        f"alias get='curl -H \"Authorization: Bearer {secret('alias')}\"'\n",
    )
    home.write(".profile", f"export GOPROXY='https://u:{secret('profile')}@{at} direct'\n")
    home.write(".zshrc", f"GOPROXY=https://u:{secret('zshrc')}@{at}\n")
    tools = {
        "GOPROXY": f"https://u:{secret('toolsEnvVars')}@{at},direct",
        "HTTPS_PROXY": f"http://u:{secret('tools proxy')}@127.0.0.1:9",
        "GITLAB_TOKEN": secret("tools token"),
        "EXTRA": f"glpat-{secret('token by its form')}",
        "GOFLAGS": f"-ldflags=-X=main.key={secret('tools flags')}",
    }
    settings = {
        "http.proxy": f"http://u:{secret('http.proxy')}@127.0.0.1:9",
        "http.proxyAuthorization": f"Basic {secret('proxyAuthorization')}",
        "go.toolsEnvVars": tools,
    }
    home.write(".config/Code/User/settings.json", json.dumps(settings).replace("}", ",}", 1))
    home.write(
        ".config/go/env",
        f"GOPROXY=https://u:{secret('goenv')}@{at}\r\n"
        f"GOFLAGS=-ldflags=-X=m.t={secret('goenv flags')} -moda=mod\r\n"
        f"GOSUMDB=sum.golang.org https://u:{secret('goenv database')}@{at}\r\n"
        f"GONOPROXY=https://u:{secret('goenv pattern')}@git.corp.test\r\n",
    )
    home.write("project/go.mod", "module git.corp.test/a\n\ngo 1.21\n\nrequire git.corp.test/b v1.0.0\n")
    home.write("project/go.sum", "")
    workspace = {"go.toolsEnvVars": {"GOPROXY": f"https://u:{secret('workspace')}@{at}"}}
    home.write("project/.vscode/settings.json", json.dumps(workspace))
    home.write(
        "project/.git/config", f'[remote "origin"]\n\turl = https://me:{secret("origin")}@git.corp.test/a\n'
    )
    return home


@pytest.mark.parametrize("options", [("-v",), ("--json",), ("--fix",), ("-v", "--lang", "zh")])
def test_the_doctor_shows_no_secret_of_a_machine(home: Home, options: tuple[str, ...]) -> None:
    said = home.run("doctor", "--offline", *options)
    assert "goenv" in said.lower() or "GOPROXY" in said
    assert home.leaked(said) == []
    assert not _CONTROLS.search(said)


def test_the_journal_and_the_backups_are_for_their_owner_alone(home: Home) -> None:
    home.run("doctor", "--offline", "--fix", "--yes")
    state = home.folder / ".local" / "state" / "modgate"
    kept = [state, *state.rglob("*")]
    assert any(path.parent.parent.name == "backups" for path in kept)
    assert [path for path in kept if path.stat().st_mode & 0o077] == []
    assert home.leaked((state / "journal.jsonl").read_text()) == []


SLIPS = [
    "https://u:{}@AT,direct",
    "https//u:{}@AT",
    "https:/u:{}@AT",
    "u:{}@AT",
    "http://AT/?token={}",
    "http://u:{}/x@AT,direct",
    "http://u:a,{}@AT,direct",
    "'http://u:{}@AT'",
    "http://u:{}@AT;direct",
    "http://u:{}@AT，direct",
    "htps://u:{}@AT",
    "http://u:{}#x@AT",
    "direct,http://u:{}@AT",
    "http://u:{}",
    "http://{}@AT",
    "ghp_{}",
    "http://AT/glpat-{}",
]


@pytest.mark.parametrize("slip", SLIPS)
def test_no_slip_of_goproxy_shows_its_password(home: Home, slip: str) -> None:
    chain = slip.format(home.secret("GOPROXY")).replace("AT", f"127.0.0.1:{home.port}")
    for args in (
        ("doctor", "--offline", "--json", "--only", "goproxy,go-variables"),
        ("chain", chain, *(["--json"] if len(chain) % 2 else [])),
        ("mirrors", "test", "--rounds", "1", "--timeout", "1", chain),
    ):
        assert home.leaked(home.run(*args, GOPROXY=chain)) == [], args


@pytest.mark.parametrize(
    "name", ["HTTPS_PROXY", "ALL_PROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS", "GOINSECURE"]
)
def test_no_slip_of_another_variable_shows_its_password(home: Home, name: str) -> None:
    for slip in ("http://u:{}@127.0.0.1:9", "u:{}@127.0.0.1:9", "http//u:{}@127.0.0.1:9", "http://u:{} @h"):
        value = slip.format(home.secret(name))
        said = home.run("doctor", "--offline", "--json", **{"GOPROXY": "off", name: value})
        assert home.leaked(said) == [], slip


@pytest.mark.parametrize("status", [200, 401, 403, 500])
def test_a_server_that_repeats_the_credentials_is_not_quoted(
    home: Home, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Naive, "status", status)
    proxy = f"http://u:{home.secret('GOPROXY')}@127.0.0.1:{home.port}"
    environ = {"GOPROXY": proxy, "GOSUMDB": f"sum.golang.org {proxy}"}
    page, saved = home.folder / "page.html", home.folder / "run.json"
    asked = "example.com/m@v1.0.0"
    for args in (
        ("doctor", "-v", "--timeout", "5", "--only", "module,waterfall,sumdb,toolchain", asked),
        ("doctor", "--json", "--timeout", "5", "--only", "module,waterfall,sumdb,toolchain", asked),
        ("chain", f"{proxy}|{proxy}", asked),
        ("chain", f"{proxy}|{proxy}", asked, "--json"),
        ("chain", f"{proxy}|{proxy}", "--fault", "1=404", "--json"),
        (
            "mirrors",
            "test",
            "--rounds",
            "1",
            "--timeout",
            "1",
            f"--html={page}",
            f"--save={saved}",
            "-v",
            proxy,
        ),
        ("mirrors", "test", "--rounds", "1", "--timeout", "1", "--json", proxy),
        ("trace", "--plain", "--", "go", "mod", "download", asked),
        ("trace", "--tap", "--json", "--", "go", "mod", "download", asked),
    ):
        said = home.run(*args, **environ)
        # What go itself prints for its user is passed on as it is.
        assert home.leaked(said) == [], args
        if args[0] != "trace":
            assert not _CONTROLS.search(said), args
    assert home.leaked(page.read_text() + saved.read_text()) == []


LOG = """\
# get https://u:{url}@proxy.corp.test/example.com/m/@v/list
# get https://u:{url}@proxy.corp.test/example.com/m/@v/list: 403 Forbidden (0.012s)
# get https://proxy.corp.test/example.com/n/@v/list?token={query}
# get https://proxy.corp.test/example.com/n/@v/list?token={query}: 500 Internal Server Error (0.2s)
http2: Transport encoding header "authorization" = "Basic {header}1"
http2: Framer 0xc0001: header field "authorization" = "Bearer {header}"
GITHUB_TOKEN=ghp_{environ}
machine git.corp.test login me password {netrc}
fatal: unable to access 'https://oauth2:glpat-{git}@git.corp.test/a/': The requested URL returned error: 403
go: example.com/m@v1.0.0: reading https://u:{url}@proxy.corp.test/example.com/m/@v/v1.0.0.mod: 403 Forbidden
\tserver response: Authorization: Basic {header}2 \x1b[31m is \u202e refused
go: git.corp.test/a@v1.0.0: git ls-remote -q https://oauth2:{remote}@git.corp.test/a in /x: exit status 128:
\tfatal: could not read Username for 'https://{user}@git.corp.test': terminal prompts disabled
"""


@pytest.mark.parametrize("options", [(), ("-v",), ("--json",), ("-v", "--lang", "zh")])
def test_a_log_with_secrets_is_told_without_them(home: Home, options: tuple[str, ...]) -> None:
    places = ("url", "query", "header", "environ", "netrc", "git", "remote", "user")
    log = LOG.format(**{place: home.secret(f"log {place}") for place in places})
    lines = log.splitlines()
    # Each line also alone: whatever is said of it is said of it then.
    for text in (log, *lines[1:2], *lines[3:4], *lines[8:9], "\n".join(lines[9:11]), "\n".join(lines[11:])):
        said = home.run("log", *options, "-", stdin=text + "\n")
        assert home.leaked(said) == [], text
        assert not _CONTROLS.search(said), text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://u:p@host", "https://***@host"),
        ("https//u:p@host", "https//***@host"),
        ("u:p@host", "***@host"),
        ("http://u:p/x@host,direct", "http://***@host,direct"),
        ("'http://u:p@h'", "'http://***@h'"),
        ("direct,http://u:p@h|https://a:b@c", "direct,http://***@h|https://***@c"),
        ("http://u:pw", "http://u:***"),
        ("http://h:8080/x", "http://h:8080/x"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("GOPROXY=https://u:p@h", "GOPROXY=https://***@h"),
        ("http://u:p@s@h", "http://***@h"),
        ("https://h/m/@v/list", "https://h/m/@v/list"),
        ("-ldflags=-X=m.t=p -mod=mod", "-ldflags=-X=m.t=*** -mod=mod"),
    ],
)
def test_a_value_is_shown_with_its_scheme_and_without_its_password(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_a_variable_whose_name_says_secret_shows_nothing_of_its_value() -> None:
    assert hidden_value("GITLAB_TOKEN", "abc") == "***"
    assert hidden_value("GOPROXY", "https://h") == "https://h"
    assert not hidden_value("GITLAB_TOKEN", "")


@pytest.mark.parametrize(
    "text",
    [
        "rsc.io/quote@v1.5.2",
        "GOAUTH=netrc",
        "the --password option is missing, --token must be given",
        "HTTP Basic: Access denied",
        "Basic authentication is required",
        "https://h/m?go-get=1",
        'git config --global url."ssh://git@host/".insteadOf "http://host/"',
        "export HTTPS_PROXY=http://user:password@host:port",
        "~/.netrc: machine h login USER password TOKEN; or ssh",
        "见 https://host，模块 example.com/m@v1.0.0",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert harmless(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "https://u:SECRET@h/x",
        "Authorization: Basic SECRET",
        'header field "authorization" = "Bearer SECRET"',
        'authorization: Digest username="x", response="SECRET"',
        "PRIVATE-TOKEN: SECRET",
        "Set-Cookie: session=SECRET; Path=/",
        "https://h/x?X-Amz-Signature=SECRET&y=1",
        "GITHUB_TOKEN=SECRET",
        '{"api_key": "SECRET"}',
        "ghp_SECRETSECRET",
        "eyJhbGciOiJIUzI1NiJ9.SECRET.SECRET",
        "machine h login me password SECRET",
        "-ldflags=-X main.key=SECRET",
        "GOAUTH=/bin/helper --password SECRET; netrc",
        "helper --api-key 'SECRET' --user me",
    ],
)
def test_what_is_a_secret_goes(text: str) -> None:
    assert "SECRET" not in harmless(text)
    assert harmless(harmless(text)) == harmless(text)
