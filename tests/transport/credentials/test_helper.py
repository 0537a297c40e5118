"""git's own helpers and small ones of the test, asked by the protocol."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid, Unavailable
from modgate.transport.credentials import Entry
from modgate.transport.credentials.helper import GitHelper, helper_command, helper_environment

if TYPE_CHECKING:
    from tests.transport.credentials.conftest import Bench

pytestmark = pytest.mark.skipif(os.name == "nt", reason="programs of the test are scripts")

HOST = "git.corp.example"


def program(bench: Bench, body: str) -> Path:
    """A helper that keeps what it was asked in `asked` and runs `body` with it in `wanted`."""
    lines = [
        f"#!{sys.executable} -I",
        "import os, sys, time",
        "text = sys.stdin.read()",
        "wanted = dict(line.split('=', 1) for line in text.splitlines() if line)",
        "line = sys.argv[1] + ' ' + text.replace(chr(10), ';') + chr(10)",
        f"open({str(bench.folder / 'asked')!r}, 'a').write(line)",
        textwrap.dedent(body),
    ]
    return bench.file("helper", "\n".join(lines) + "\n", 0o700)


def asked(bench: Bench) -> list[str]:
    file = bench.folder / "asked"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def entry(helper: Path | str, **options: str) -> Entry:
    return Entry(options.pop("host", HOST), "git-helper", helper=str(helper), **options)  # type: ignore[arg-type]


async def test_the_operators_own_store_answers_with_the_operators_home(bench: Bench) -> None:
    bench.file(".git-credentials", f"https://me:s3cret@{HOST}\n")
    found = await bench.credentials(entry("store")).https(HOST, 443, "/team/lib.git")
    assert found is not None
    assert (found.username, found.password.reveal()) == ("me", "s3cret")
    assert found.source == "git credential helper store"


async def test_a_store_that_is_named_with_its_file(bench: Bench) -> None:
    file = bench.file("own", f"https://me:s3cret@{HOST}%3a8443\n")
    helper = entry(f"store --file={file}", host=f"{HOST}:8443")
    found = await bench.credentials(helper).https(HOST, 8443, "/x")
    assert found is not None
    assert found.password.reveal() == "s3cret"


async def test_the_protocol_has_host_and_path_and_the_answer_is_kept_for_a_while(bench: Bench) -> None:
    helper = program(bench, "print('username=u'); print('password=p' + wanted['path']); print()")
    found = bench.credentials(entry(helper, username="u"))
    first = await asyncio.gather(*(found.https(HOST, 443, "/a.git") for _ in range(20)))
    assert {each.password.reveal() for each in first if each is not None} == {"pa.git"}
    assert asked(bench) == [f"get protocol=https;host={HOST};path=a.git;username=u;;"]
    bench.now += 59
    await found.https(HOST, 443, "/a.git")
    assert len(asked(bench)) == 1
    other = await found.https(HOST, 443, "/b.git")
    assert other is not None
    assert other.password.reveal() == "pb.git"
    bench.now += 2
    await found.https(HOST, 443, "/a.git")
    assert len(asked(bench)) == 3


async def test_a_password_that_expires_is_not_kept_beyond_it(bench: Bench) -> None:
    helper = program(bench, f"print('password=p\\npassword_expiry_utc={int(bench.now) + 40}')")
    found = bench.credentials(entry(helper))
    await found.https(HOST, 443, "/a")
    bench.now += 9
    await found.https(HOST, 443, "/a")
    assert len(asked(bench)) == 1
    bench.now += 2
    await found.https(HOST, 443, "/a")
    assert len(asked(bench)) == 2


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "it has no password"),
        ("print('username=u')", "it has no password"),
        ("print('quit=1')", "it has no password"),
        ("print('protocol=https\\nhost=attacker.test\\npassword=p')", "it has no password"),
        ("sys.stdout.write('x' * 100_000)", "more than a helper"),
        ("print('s3cret leaked', file=sys.stderr); sys.exit(3)", "it has no password"),
    ],
)
async def test_a_helper_without_an_answer_is_an_error_and_never_anonymous(
    bench: Bench, body: str, why: str
) -> None:
    with pytest.raises(Unavailable, match=why) as caught:
        await bench.credentials(entry(program(bench, body))).https(HOST, 443, "/a")
    assert "s3cret" not in str(caught.value)
    assert "git credential fill" in caught.value.next_step


async def test_a_failure_is_not_kept(bench: Bench) -> None:
    helper = program(bench, "print('password=p') if os.path.exists(sys.argv[0] + '.on') else None")
    found = bench.credentials(entry(helper))
    with pytest.raises(Unavailable):
        await found.https(HOST, 443, "/a")
    bench.file("helper.on", "")
    assert await found.https(HOST, 443, "/a") is not None


async def test_a_helper_that_hangs_is_ended_with_what_it_started(bench: Bench) -> None:
    body = f"""
    import subprocess
    child = subprocess.Popen(['sleep', '60'])
    open({str(bench.folder / "pid")!r}, 'w').write(str(child.pid))
    time.sleep(60)
    """
    helper = GitHelper([str(program(bench, body))], dict(bench.environ), label="helper", seconds=1.0)
    with pytest.raises(Unavailable, match="did not answer") as caught:
        await helper.get(HOST, "/a")
    assert caught.value.kind == "timeout"
    pid = int((bench.folder / "pid").read_text(encoding="utf-8"))
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2]
        except FileNotFoundError:
            break
        if state == "Z":
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("what the helper started still runs")


async def test_a_helper_that_is_not_there_is_said(bench: Bench) -> None:
    with pytest.raises(Unavailable, match="does not start: No such file"):
        await bench.credentials(entry("/nowhere/helper")).https(HOST, 443, "/a")
    with pytest.raises(Unavailable, match="it has no password"):
        await bench.credentials(entry("no-such-helper")).https(HOST, 443, "/a")


@pytest.mark.parametrize("path", ["/a\nhost=attacker.test", "/a\rb", "/a\0b"])
async def test_a_path_cannot_speak_the_protocol(bench: Bench, path: str) -> None:
    helper = program(bench, "print('password=p')")
    with pytest.raises(Unavailable, match="line break"):
        await bench.credentials(entry(helper)).https(HOST, 443, path)
    assert asked(bench) == []


def test_names_are_programs_of_git_and_nothing_reaches_a_shell() -> None:
    assert helper_command("store") == ["git", "credential-store"]
    assert helper_command("cache --timeout 5", "/x/git") == ["/x/git", "credential-cache", "--timeout", "5"]
    assert helper_command("/opt/my-helper -v") == ["/opt/my-helper", "-v"]
    for bad in ("", "!echo password=x", "-h", "../x", "a/b", "'", "$(id)", "store;id"):
        with pytest.raises(Invalid) as caught:
            helper_command(bad)
        assert "password=x" not in str(caught.value)


def test_a_helper_is_not_given_what_is_not_for_it() -> None:
    environ = {
        "HOME": "/home/op",
        "AWS_PROFILE": "build",
        "GIT_DIR": "/evil",
        "GIT_TRACE_CURL": "1",
        "GIT_CONFIG_COUNT": "1",
        "MODGATE_UPSTREAM": "https://u:p@x",
        "OTHER_TOKEN": "s3cret",
        "GIT_ASKPASS": "/bin/ask",
    }
    found = helper_environment(environ, {"OTHER_TOKEN"})
    assert found == {
        "HOME": "/home/op",
        "AWS_PROFILE": "build",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "GCM_INTERACTIVE": "never",
        "LC_ALL": "C",
    }
