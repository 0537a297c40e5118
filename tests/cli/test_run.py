"""`modgate run` as a person runs it: streams, statuses, signals, and a network of its own for real."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modgate.client.faults.content import DRILL, DrillContent
from modgate.client.faults.kinds import parse_fault
from modgate.client.faults.server import FaultServer, Rules

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

RUN = (sys.executable, "-m", "modgate", "run")
LIMIT = 60


def _forbidden() -> str:
    try:
        probe = subprocess.run(
            ["unshare", "-Urnm", "true"], capture_output=True, text=True, timeout=20, check=False
        )
    except OSError as error:
        return f"unshare: {error.strerror}"
    return probe.stderr.strip() or f"unshare: status {probe.returncode}" if probe.returncode else ""


def _environ(folder: Path, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GOENV": "off",
        "GOTOOLCHAIN": "local",
        "GOSUMDB": "off",
        "GOFLAGS": "-modcacherw",
        "GOMODCACHE": str(folder / "mod"),
        "GOCACHE": str(folder / "cache"),
        "COLUMNS": "80",
        **more,
    }


def _run(
    folder: Path, *args: str, given: str = "", environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *args],
        env=environ or _environ(folder),
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def _report(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return document


def _python(script: str) -> tuple[str, ...]:
    return (sys.executable, "-c", script)


@asynccontextmanager
async def _web_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy that tells what it was asked for, and answers that it came through."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split(b"\r\n")[0].decode())
        if head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\nearly ")
            writer.write(await reader.read(100))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nback")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


_REASON = _forbidden() if sys.platform == "linux" else "Linux alone has them"
isolation = pytest.mark.skipif(bool(_REASON), reason=f"no network namespaces here: {_REASON}")
plain_and_isolated = pytest.mark.parametrize(
    "options", [(), ("--timeout", "1m"), pytest.param(("--isolate",), marks=isolation)]
)


@plain_and_isolated
def test_streams_and_the_exit_status_are_the_commands_own(tmp_path: Path, options: tuple[str, ...]) -> None:
    ran = _run(tmp_path, *options, "--", "sh", "-c", "cat; echo words >&2; exit 42", given="through\n")
    assert (ran.returncode, ran.stdout) == (42, "through\n")
    assert ran.stderr.startswith("words\n")
    if "--isolate" not in options:
        assert ran.stderr == "words\n"


@plain_and_isolated
@pytest.mark.parametrize(("program", "status"), [("no-such-program", 127), ("./plain", 126)])
def test_what_cannot_be_started_has_the_status_of_a_shell(
    tmp_path: Path, options: tuple[str, ...], program: str, status: int
) -> None:
    (tmp_path / "plain").write_text("text")
    ran = _run(tmp_path, *options, "--", program)
    assert ran.returncode == status
    assert program in ran.stderr


@plain_and_isolated
def test_a_command_that_a_signal_ends_has_the_status_of_a_shell(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    ran = _run(tmp_path, *options, "--", "sh", "-c", "kill -TERM $$")
    assert ran.returncode in {143, -15}


@plain_and_isolated
def test_a_command_gets_the_default_of_sigpipe(tmp_path: Path, options: tuple[str, ...]) -> None:
    ran = _run(tmp_path, *options, "--", "grep", "SigIgn", "/proc/self/status")
    ignored = int(ran.stdout.split()[1], 16)
    assert not ignored & 1 << (signal.SIGPIPE - 1)


@plain_and_isolated
def test_a_signal_is_passed_on_and_nothing_stays_behind(tmp_path: Path, options: tuple[str, ...]) -> None:
    script = "trap 'echo got it; exit 5' TERM; sleep 300 & echo $! $$; wait"
    argv = [*RUN, *options, "--", "sh", "-c", script]
    with subprocess.Popen(argv, env=_environ(tmp_path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = process.stdout.readline().split()
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "got it\n"
        assert process.wait(LIMIT) == 5
        if "--isolate" in options:
            assert process.stdout.read() == ""
            assert not [pid for pid in pids if Path("/proc", pid).exists()]
        else:
            os.kill(int(pids[0]), signal.SIGKILL)


@isolation
def test_a_killed_run_takes_its_command_with_it(tmp_path: Path) -> None:
    argv = [*RUN, "--isolate", "--", "sh", "-c", "echo $$; exec sleep 300"]
    with subprocess.Popen(argv, env=_environ(tmp_path), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = process.stdout.readline().strip()
        process.kill()
        process.wait(LIMIT)
        assert process.stdout.read() == ""  # the end is seen once nobody holds the stream any more
    assert not Path("/proc", pid, "exe").exists()


@pytest.mark.parametrize("options", [(), pytest.param(("--isolate",), marks=isolation)])
def test_a_time_limit_ends_the_command(tmp_path: Path, options: tuple[str, ...]) -> None:
    ran = _run(tmp_path, *options, "--timeout", "0.3s", "--", "sleep", "300")
    assert ran.returncode == 124
    assert "--timeout" in ran.stderr


def test_the_chain_and_the_variables_reach_the_command(go_command: str, tmp_path: Path) -> None:
    asked = ("--proxy", "goproxy.cn", "--set", "GOWORK=off", "--http-proxy", "http://127.0.0.1:9")
    ran = _run(tmp_path, *asked, "--", go_command, "env", "GOPROXY", "GOWORK")
    assert ran.stdout.split() == ["https://goproxy.cn,direct", "off"]
    assert ran.stderr == ""
    ran = _run(tmp_path, *asked, "--", "sh", "-c", "echo $HTTPS_PROXY $https_proxy")
    assert ran.stdout.split() == ["http://127.0.0.1:9"] * 2


def test_a_typo_is_refused_before_anything_starts(tmp_path: Path) -> None:
    ran = _run(tmp_path, "--proxy", "https://goproxy.cn;direct", "--", "touch", "started")
    assert ran.returncode == 1
    assert "GOPROXY" in ran.stderr
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    "args",
    [
        ("--set", "novalue", "--", "true"),
        ("--timeout", "soon", "--", "true"),
        ("--json", "f", "--", "true"),
        ("--http-proxy", "h", "--", "true"),
        ("--proxy", "goproxy.cn"),
    ],
)
def test_a_command_line_that_cannot_be_obeyed_is_status_2(tmp_path: Path, args: tuple[str, ...]) -> None:
    assert _run(tmp_path, *args).returncode == 2


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    secret = "https://me:hunter2@goproxy.example"
    ran = _run(tmp_path, "-v", "--proxy", secret, "--http-proxy", "http://me:hunter2@h:1", "--", "true")
    assert ran.returncode == 0
    assert "GOPROXY=" in ran.stderr
    assert "hunter2" not in ran.stderr


@isolation
async def test_go_downloads_from_the_chosen_proxy_and_reaches_nothing_else(
    go_command: str, tmp_path: Path
) -> None:
    async with FaultServer(DrillContent(), clock=time.monotonic, rules=Rules()) as server:
        chain = await server.url(parse_fault("ok"))
        go = f"{go_command} mod download"
        script = f"{go} -json {DRILL} && {go} github.com/a/b@v1.0.0"
        ran = await asyncio.to_thread(
            _run,
            tmp_path,
            "--isolate",
            "--proxy",
            f"{chain},direct",
            "--json",
            "report.json",
            "--",
            "sh",
            "-c",
            script,
        )
    assert json.loads(ran.stdout)["Version"] == DRILL.version
    assert ran.returncode == 1
    report = _report(tmp_path)
    port = int(chain.split(":")[2].split("/")[0])
    (reached,) = report["allowed"]
    assert (reached["host"], reached["port"]) == ("127.0.0.1", port)
    assert reached["received"] > 1000
    assert {"kind": "proxy", "target": "github.com", "port": 443} in [
        {name: row[name] for name in ("kind", "target", "port")} for row in report["blocked"]
    ]


TRIES = """
import socket
def tried(what):
    try:
        what()
        print("REACHED")
    except OSError as error:
        print(type(error).__name__)
tried(lambda: socket.create_connection(("1.2.3.4", 443), 5))
tried(lambda: socket.create_connection(("1.2.3.4", 443), 5))
tried(lambda: socket.create_connection(("127.0.0.1", 9), 5))
tried(lambda: socket.getaddrinfo("name.example", 443))
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.sendto(b"x", ("9.9.9.9", 1234))
"""


@isolation
def test_every_other_attempt_is_listed(tmp_path: Path) -> None:
    ran = _run(
        tmp_path, "--isolate", "--json", "report.json", "--proxy", "off", "--force", "--", *_python(TRIES)
    )
    assert ran.stdout.split() == ["ConnectionRefusedError"] * 3 + ["gaierror"]
    report = _report(tmp_path)
    assert report["allowed"] == []
    blocked = {(row["kind"], row["target"], row["port"]): row["times"] for row in report["blocked"]}
    assert blocked[("tcp", "1.2.3.4", 443)] == 2
    assert blocked[("tcp", "127.0.0.1", 9)] == 1
    assert blocked[("udp", "9.9.9.9", 1234)] == 1
    assert blocked[("dns", "name.example", None)] >= 1


@isolation
def test_an_ipv6_attempt_is_listed(tmp_path: Path) -> None:
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 here")
    script = "import socket; socket.socket(socket.AF_INET6).connect_ex(('2001:db8::7', 443))"
    _run(tmp_path, "--isolate", "--json", "report.json", "--", *_python(script))
    rows = [(row["kind"], row["target"], row["port"]) for row in _report(tmp_path)["blocked"]]
    assert rows == [("tcp", "2001:db8::7", 443)]


@isolation
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_report_is_a_table_of_eighty_columns_on_standard_error(tmp_path: Path, language: str) -> None:
    ran = _run(tmp_path, "--lang", language, "--isolate", "--", *_python(TRIES))
    assert "1.2.3.4:443" in ran.stderr
    assert "name.example" in ran.stderr
    assert max(map(len, ran.stderr.splitlines())) <= 80


THROUGH = """
import socket, os, urllib.request, urllib.parse
url = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
for host in (b"proxy", b"other"):
    sock = socket.create_connection((url.hostname, url.port), 10)
    sock.sendall(b"CONNECT " + host + b".example:443 HTTP/1.1\\r\\n\\r\\n")
    head = sock.recv(1000)
    if b" 200 " in head:
        sock.sendall(b"hello")
        while data := sock.recv(1000):
            head += data
    print(head.split(b"\\r\\n")[0].decode(), head.split(b"\\r\\n\\r\\n")[1].decode())
sock = socket.create_connection(("proxy.example", 443), 10)
sock.sendall(b"direct")
answer = b""
while data := sock.recv(1000):
    answer += data
print(answer.decode())
print(urllib.request.urlopen("http://plain.example/x?y").read().decode())
"""


@isolation
async def test_an_allowed_host_is_reached_by_this_machines_own_proxy(tmp_path: Path) -> None:
    async with _web_proxy() as (url, asked):
        ran = await asyncio.to_thread(
            _run,
            tmp_path,
            "--isolate",
            "--json",
            "report.json",
            "--http-proxy",
            url,
            "--proxy",
            "https://proxy.example,http://plain.example,off",
            "--",
            *_python(THROUGH),
        )
    assert ran.stdout.splitlines() == [
        "HTTP/1.1 200 OK early hello",
        "HTTP/1.1 403 Blocked by modgate run: other.example:443 ",
        "early direct",
        "back",
    ]
    assert asked == [
        "CONNECT proxy.example:443 HTTP/1.1",
        "CONNECT proxy.example:443 HTTP/1.1",
        "GET http://plain.example/x?y HTTP/1.1",
    ]
    report = _report(tmp_path)
    counts = {row["host"]: (row["connections"], row["sent"], row["received"]) for row in report["allowed"]}
    assert counts["proxy.example"] == (2, 11, len("early hello") + len("early direct"))
    assert [(row["target"], row["kind"]) for row in report["blocked"]] == [("other.example", "proxy")]


@isolation
def test_the_user_stays_who_it_was_and_holds_no_rights_over_the_namespace(tmp_path: Path) -> None:
    ran = _run(tmp_path, "--isolate", "--", "sh", "-c", "id -u; id -g; cat /etc/resolv.conf")
    assert ran.stdout.split()[:2] == [str(os.getuid()), str(os.getgid())]
    assert "nameserver 127.0.0.1" in ran.stdout


@isolation
def test_where_namespaces_are_forbidden_the_setting_is_named(tmp_path: Path) -> None:
    """A user namespace whose own limit of further ones is 0 forbids them as a system does."""
    words = " ".join(f"'{word}'" for word in (*RUN, "--isolate", "--", "touch", "started"))
    script = f"echo 0 > /proc/sys/user/max_user_namespaces && exec {words}"
    ran = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", script],
        env=_environ(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert ran.returncode == 125, ran.stderr
    assert "user.max_user_namespaces" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "started").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has environment.d")
def test_the_desktop_gets_a_file_that_undo_takes_back(tmp_path: Path) -> None:
    file = tmp_path / ".config" / "environment.d" / "60-modgate.conf"
    ran = _run(tmp_path, "--desktop", "--proxy", "goproxy.cn")
    assert ran.returncode == 0, ran.stderr
    assert 'GOPROXY="https://goproxy.cn,direct"' in file.read_text()
    undone = subprocess.run(
        [sys.executable, "-m", "modgate", "undo"],
        env=_environ(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert undone.returncode == 0, undone.stderr
    assert not file.exists()


def test_a_dry_run_starts_nothing(tmp_path: Path) -> None:
    ran = _run(tmp_path, "--dry-run", "--proxy", "goproxy.cn", "--desktop", "--", "touch", "started")
    assert ran.returncode == 0, ran.stderr
    assert "GOPROXY=https://goproxy.cn,direct" in ran.stderr
    assert not list(tmp_path.iterdir())
