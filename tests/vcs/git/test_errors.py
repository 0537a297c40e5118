"""Absent or broken: what hosts say, and what is made of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Absent, ModgateError, Unavailable
from modgate.vcs.git import GitRepository, GitSettings
from modgate.vcs.git.errors import clean_lines, meaning
from tests.support.git_http import Answer
from tests.support.git_repos import GitRepo
from tests.vcs.git.conftest import CTX

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vcs.git.conftest import World


@pytest.fixture
def repo(world: World) -> GitRepo:
    made = GitRepo(world.root / "m.git")
    made.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    made.save()
    return made


async def fault(world: World, answer: Answer, **changes: Any) -> ModgateError:
    """The error of a question, after which the healed host answers."""
    repository = world.repository("m.git", **changes)
    world.server.answer = lambda _: answer
    with pytest.raises(ModgateError) as caught:
        await repository.tags(CTX, "v")
    world.server.answer = lambda _: None
    world.clock.now += 100
    assert len((await repository.tags(CTX, "v")).tags) == 1
    return caught.value


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize("status", [404, 410])
async def test_404_and_410_are_absence_and_name_credentials(world: World, status: int) -> None:
    error = await fault(world, Answer(status))
    assert isinstance(error, Absent)
    assert "private repository" in error.next_step


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(401, {"WWW-Authenticate": 'Basic realm="x"'}), "bad-answer"),
        (Answer(403), "bad-answer"),
        (Answer(429), "overloaded"),
        (Answer(503), "overloaded"),
        (Answer(500), "bad-answer"),
        (Answer(502, {}, b"repository 'x' not found"), "bad-answer"),
        (Answer(500, {"Content-Type": "text/plain"}, b"fatal: repository 'x' not found\n"), "bad-answer"),
        (
            Answer(500, {"Content-Type": "text/plain"}, b"down\rfatal: repository 'x' not found\n"),
            "bad-answer",
        ),
        (Answer(200, {"Content-Type": "text/html"}, b"<html>a login page"), "bad-answer"),
        (Answer(200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b"000"), "unreachable"),
        (Answer(302, {"Location": "https://127.0.0.1:1/x/info/refs?service=git-upload-pack"}), "unreachable"),
    ],
)
async def test_everything_else_is_broken(world: World, answer: Answer, kind: str) -> None:
    error = await fault(world, answer)
    assert isinstance(error, Unavailable), error
    assert error.kind == kind, error


@pytest.mark.parametrize("name", ["go-socks5", "SOCKS", "corrupt", "early-eof"])
async def test_no_repository_is_absent_whatever_it_is_called(world: World, name: str) -> None:
    with pytest.raises(Absent):
        await world.repository(f"{name}.git").tags(CTX, "v")


@pytest.mark.usefixtures("repo")
async def test_a_silent_host_is_a_time_out_and_its_git_is_ended(world: World) -> None:
    error = await fault(world, Answer(hang=True), timeout=1.0)
    assert isinstance(error, Unavailable)
    assert error.kind == "timeout"
    assert "vcs.timeout" in error.next_step


async def test_a_host_that_is_down_is_unreachable(world: World) -> None:
    repository = world.at("https://127.0.0.1:1/m.git")
    with pytest.raises(Unavailable) as caught:
        await repository.tags(CTX, "v")
    assert caught.value.kind == "unreachable"


async def test_the_ways_refusal_is_told(world: World, repo: GitRepo) -> None:
    repository = world.at(f"{world.server.url}/m.git", internal=False)
    with pytest.raises(Unavailable, match="way out refused") as caught:
        await repository.tags(CTX, "v")
    assert "vcs.internal_hosts" in caught.value.next_step
    assert world.server.requests == []


async def test_a_certificate_that_nobody_signed_is_broken(world: World, repo: GitRepo) -> None:
    settings = GitSettings()
    repository = GitRepository(
        f"{world.server.url}/m.git",
        world.mirrors,
        settings,
        world.clock,
        egress=world.egress,
        internal=frozenset({world.server.netloc}),
    )
    with pytest.raises(Unavailable, match="certificate was not accepted"):
        await repository.tags(CTX, "v")


async def test_credentials_let_in_and_wrong_ones_are_told_without_the_secret(
    world: World, repo: GitRepo
) -> None:
    world.server.users = {"alice": "pa ss'w\"ord$(x)"}
    with pytest.raises(Unavailable, match="without a credential") as caught:
        await world.repository("m.git").tags(CTX, "v")
    assert "[[credentials]]" in caught.value.next_step
    world.credentials.passwords[world.server.netloc] = ("alice", "wrong-secret")
    with pytest.raises(Unavailable, match="with the credential a test's token") as caught:
        await world.repository("m.git").tags(CTX, "v")
    assert "wrong-secret" not in str(caught.value)
    world.credentials.passwords[world.server.netloc] = ("alice", "pa ss'w\"ord$(x)")
    repository = world.repository("m.git")
    assert (await repository.stat(CTX, "v1.0.0")).version == "v1.0.0"
    assert world.server.requests[-1].credentials == ("alice", "pa ss'w\"ord$(x)")
    assert world.credentials.asked[-1] == f"{world.server.netloc}/m.git"


async def test_a_missing_or_ancient_git_is_told(world: World, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="not there"):
        await world.repository("m.git", program="no-such-git").tags(CTX, "v")
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.31.9\n")
    old.chmod(0o755)
    with pytest.raises(Unavailable, match="too old"):
        await world.repository("m.git", program=str(old)).tags(CTX, "v")


async def test_a_local_folder_that_is_no_repository_is_absent(world: World, tmp_path: Path) -> None:
    with pytest.raises(Absent):
        await world.at(str(tmp_path / "none"), local=True).tags(CTX, "v")


async def test_closing_ends_what_runs_and_who_waits_is_told(world: World, repo: GitRepo) -> None:
    world.server.answer = lambda _: Answer(hang=True)
    repository = world.repository("m.git")
    waiting = asyncio.ensure_future(repository.tags(CTX, "v"))
    while not world.server.requests:
        await asyncio.sleep(0.01)
    await repository.close()
    with pytest.raises(Unavailable, match="closed") as caught:
        await waiting
    assert caught.value.kind == "stopping"
    with pytest.raises(Unavailable, match="closed"):
        await repository.latest(CTX)


async def test_a_waiter_that_goes_away_does_not_end_the_others_fetch(world: World, repo: GitRepo) -> None:
    repository = world.repository("m.git")
    first = asyncio.ensure_future(repository.stat(CTX, "v1.0.0"))
    second = asyncio.ensure_future(repository.stat(CTX, "v1.0.0"))
    while not world.server.requests:
        await asyncio.sleep(0.01)
    first.cancel()
    assert (await second).version == "v1.0.0"
    assert first.cancelled()


@pytest.mark.parametrize(
    ("stderr", "scheme", "what"),
    [
        ("ERROR: Repository not found.\nfatal: Could not read from remote repository.\n", "ssh", "absent"),
        ("remote: ERROR: The project you were looking for could not be found\n", "ssh", "absent"),
        (
            "remote: repository not found\nfatal: unable to access: The requested URL returned error: 500",
            "https",
            "server",
        ),
        ("remote: fatal: repository 'https://h/x/' not found\n", "https", "other"),
        (
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
            "ssh",
            "refused",
        ),
        ("Host key verification failed.\nfatal: Could not read from remote repository.", "ssh", "host-key"),
        ("ssh: Could not resolve hostname h: Name or service not known", "ssh", "unreachable"),
        ("ssh: connect to host h port 22: Connection timed out", "ssh", "timeout"),
        ("fatal: write error: No space left on device\nfatal: index-pack failed", "https", "full"),
        (
            "error: RPC failed; curl 18 transfer closed\nfatal: early EOF\nfatal: invalid index-pack output",
            "https",
            "cut",
        ),
        ("fatal: bad object refs/kept/x\nerror: m did not send all necessary objects", "https", "damaged"),
        ("fatal: couldn't find remote ref refs/tags/x", "https", "moved"),
        ("fatal: remote error: upload-pack: not our ref 1234", "https", "no-ref"),
        ("fatal: remote error: in repair; repository 'x' not found", "https", "other"),
        ("fatal: remote error: repository 'x' not found", "ssh", "absent"),
        ("error: RPC failed; HTTP 410 curl 22 The requested URL returned error: 410", "https", "server"),
        ("fatal: couldn't find remote ref refs/tags/v1.0.0-socks5", "https", "moved"),
        ("fatal: attempting to allocate 9 over limit 8\nfatal: index-pack failed", "https", "server"),
        ("conq: repository access denied.\nfatal: Could not read from remote repository.", "ssh", "refused"),
        ("fatal: something new", "https", "other"),
    ],
)
def test_words_of_git_and_their_meaning(stderr: str, scheme: str, what: str) -> None:
    assert meaning(stderr, scheme) == what


def test_lines_of_programs_are_bounded_escaped_and_without_secrets() -> None:
    text = (
        "warning: x\nhint: y\nremote: \x1b[31mred\x1b]0;title\x07 \u202eabc\r\nfatal: https://user:pw@h/ "
        + "z" * 500
    )
    lines = clean_lines(text + "\nfatal: my s3cret", "s3cret")
    assert all(line.isprintable() and len(line) <= 200 for line in lines)
    assert "\\x1b[31mred\\x1b]0;title\\x07 \\u202eabc" in lines[0]
    assert "pw@" not in " ".join(lines)
    assert lines[-1] == "fatal: my ***"
    assert len(clean_lines("a\n" * 100)) == 4
