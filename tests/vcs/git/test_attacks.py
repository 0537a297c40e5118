"""Nothing from a repository, a server or a caller's environment runs, and no secret goes astray."""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import shutil
import stat
import struct
import subprocess
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Invalid, ModgateError, Unavailable
from modgate.gomod.modzip import FileKind
from modgate.model.credentials import SshAccess
from modgate.vcs.git import GitRepositories, GitSettings
from modgate.vcs.git.addresses import parse_address
from tests.support.git_http import Answer, GitServer, Seen
from tests.support.git_repos import Gitlink, GitRepo, Symlink, git_environment
from tests.vcs.git.conftest import CTX

if TYPE_CHECKING:
    from tests.vcs.git.conftest import World


@pytest.fixture
def repo(world: World) -> GitRepo:
    made = GitRepo(world.root / "m.git")
    made.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    made.save()
    return made


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that an attack would make; `marking` is the command for it."""
    return tmp_path / "ran"


def marking(mark: Path) -> str:
    return f"touch {shlex.quote(str(mark))}"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/x",
        "ext::sh",
        "fd::17/foo",
        "file:///etc",
        "/etc",
        "../x",
        "git://example.com/x",
        "ftp://example.com/x",
        "http::https://example.com/x",
        "ssh://-oProxyCommand=touch/x",
        "ssh://user@-oProxyCommand=touch/x",
        "ssh://-user@example.com/x",
        "-oProxyCommand=x@example.com:path",
        "git@-host:path",
        "git@host:-path",
        "git@host:/etc/../x\n",
        "git@host:22/path",
        "host:path",
        "https://-example.com/x",
        "https://example.com",
        "https://exa mple.com/x",
        "https://example.com/x\nfoo",
        "https://example.com/x?a=b",
        "https://example.com/x#y",
        "https://user:password@example.com/x",
        "https://example.com:0/x",
        "https://example.com:99999/x",
        "https://example.com\\@evil.example/x",
        "https://%2doops/x",
        "http://example.com/x",
        "https://example.com/x%0Ahost=evil.example",
        "ssh://example.com/x%00y",
        "--upload-pack=touch /tmp/x",
        "",
    ],
)
def test_addresses_with_a_meaning_of_their_own_are_refused(url: str) -> None:
    with pytest.raises(Invalid):
        parse_address(url)


@pytest.mark.parametrize(
    ("url", "given", "shown"),
    [
        (
            "https://Git.Example.com/a/b.git",
            "https://git.example.com/a/b.git",
            "https://git.example.com/a/b.git",
        ),
        ("https://me@example.com:8443/a", "https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://example.com:443/a", "https://example.com/a", "https://example.com/a"),
        (
            "ssh://git@example.com:2222/~me/a",
            "ssh://git@example.com:2222/~me/a",
            "ssh://example.com:2222/~me/a",
        ),
        ("git+ssh://git@example.com/a", "ssh://git@example.com/a", "ssh://example.com/a"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git", "example.com:a/b.git"),
        ("https://[::1]:8443/a", "https://[::1]:8443/a", "https://[::1]:8443/a"),
    ],
)
def test_addresses_of_repositories_are_taken(url: str, given: str, shown: str) -> None:
    address = parse_address(url)
    assert (address.url, address.shown) == (given, shown)


@pytest.mark.parametrize("revision", ["-x", "--upload-pack=touch /tmp/x", "", "a\nb", "a\x1bb", "x" * 2000])
async def test_revisions_that_look_like_options_are_refused(
    world: World, repo: GitRepo, revision: str
) -> None:
    repository = world.repository("m.git")
    for ask in (
        repository.stat(CTX, revision),
        repository.read_file(CTX, revision, "go.mod", limit=9),
        repository.recent_tag(CTX, revision, "", lambda _: True),
        repository.descends_from(CTX, revision, "v1.0.0"),
    ):
        with pytest.raises(Invalid):
            await ask
    assert world.server.requests == []


@pytest.mark.parametrize(
    "path", ["--help", "-x", ":(glob)**", "go.mod:x", "../go.mod", "./go.mod", "*", "x\0y", "/go.mod"]
)
async def test_paths_are_names_and_nothing_else(world: World, repo: GitRepo, path: str) -> None:
    repository = world.repository("m.git")
    with pytest.raises((Absent, Invalid)):
        await repository.read_file(CTX, "v1.0.0", path, limit=9999)
    try:
        async with repository.files(CTX, "v1.0.0", path, limit=9999) as entries:
            assert entries == []
    except Invalid:
        pass


async def test_refs_and_files_with_names_like_options_are_just_names(world: World, mark: Path) -> None:
    repo = GitRepo(world.root / "odd.git")
    odd = f"--upload-pack={marking(mark)}".replace(" ", "${IFS}")
    repo.commit({"go.mod": "module odd\n", "--help": "1", "-oops/x": "2", ":(top)": "3"}, tags=["v1.0.0"])
    repo.save()
    tip = repo.git("rev-parse", "HEAD")
    for name in ("refs/tags/-v1", "refs/heads/--all", f"refs/tags/{odd}"):
        repo.git("update-ref", name, tip)
    repository = world.repository("odd.git")
    assert len((await repository.tags(CTX, "")).tags) == 3
    async with repository.files(CTX, "v1.0.0", "-oops", limit=99) as entries:
        assert [entry.path for entry in entries] == ["x"]
    assert await repository.read_file(CTX, tip[:9], "--help", limit=9) == b"1"
    assert await repository.read_file(CTX, tip[:9], ":(top)", limit=9) == b"3"
    assert await repository.recent_tag(CTX, tip, "", lambda _: True) == "v1.0.0"
    assert await repository.descends_from(CTX, tip, "-v1")
    assert not mark.exists()


async def test_a_repositorys_own_configuration_and_hooks_run_nothing(
    world: World, repo: GitRepo, mark: Path
) -> None:
    run = marking(mark)
    for name, value in {
        "core.hooksPath": str(repo.folder / "evil"),
        "core.fsmonitor": run,
        "core.sshCommand": run,
        "core.pager": run,
        "core.editor": run,
        "core.alternateRefsCommand": run,
        "uploadpack.packObjectsHook": run,
        "filter.lfs.smudge": run,
        "filter.lfs.process": run,
        "diff.external": run,
        "credential.helper": "!" + run,
        "gpg.program": run,
        "tar.tar.command": run,
        "alias.fetch": "!" + run,
        "log.showSignature": "true",
    }.items():
        repo.git("config", name, value)
    for name in (
        "post-checkout",
        "reference-transaction",
        "post-index-change",
        "pre-auto-gc",
        "fsmonitor-watchman",
    ):
        program(repo.folder / "evil" / name, run)
        program(repo.folder / "hooks" / name, run)
    repo.commit(
        {".gitattributes": "* filter=lfs diff=lfs\n", ".lfsconfig": "[lfs]\n\turl = ext::x\n", "a": "b"},
        tags=["v1.1.0"],
    )
    repo.save()
    mark.unlink(missing_ok=True)
    repository = world.at(str(repo.folder), local=True)
    async with repository.files(CTX, "v1.1.0", "", limit=999) as entries:
        assert len(entries) == 4
    await repository.recent_tag(CTX, "main", "", lambda tag: tag == "v1.0.0")
    assert not mark.exists()


async def test_the_callers_environment_reaches_no_git(
    world: World, repo: GitRepo, mark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = marking(mark)
    home = tmp_path / "home"
    hooks = tmp_path / "template" / "hooks"
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        program(hooks / name, run)
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[core]\n\thooksPath = {hooks}\n\tfsmonitor = "{run}"\n\tattributesFile = {home}/attributes\n'
        f'[filter "x"]\n\tsmudge = {run}\n\trequired = true\n[url "ext::{run}"]\n\tinsteadOf = https://\n'
        f'[init]\n\ttemplateDir = {tmp_path / "template"}\n[credential]\n\thelper = "!{run}"\n'
    )
    (home / "attributes").write_text("* filter=x\n")
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_TEMPLATE_DIR": str(tmp_path / "template"),
        "GIT_SSH_COMMAND": run,
        "GIT_ASKPASS": run,
        "SSH_ASKPASS": run,
        "GIT_PROXY_COMMAND": run,
        "GIT_EXTERNAL_DIFF": run,
        "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor={run}'",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": run,
        "GIT_EXEC_PATH": str(tmp_path),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": "/tmp",
        "GIT_OBJECT_DIRECTORY": "/tmp",
        "GIT_DIR": "/nonexistent",
        "GIT_TRACE": str(tmp_path / "trace"),
        "https_proxy": "http://127.0.0.1:1",
        "GIT_SSL_NO_VERIFY": "1",
    }.items():
        monkeypatch.setenv(name, value)
    log = tmp_path / "seen"
    git = program(
        tmp_path / "git", f'env >> {log}\necho "ARGS $*" >> {log}\nexec {shutil.which("git")} "$@"\n'
    )
    world.server.users = {"alice": "s3cret"}
    world.credentials.passwords[world.server.netloc] = ("alice", "s3cret")
    repository = world.repository("m.git", program=str(git))
    async with repository.files(CTX, "v1.0.0", "", limit=999) as entries:
        assert [entry.open().read() for entry in entries] == [b"module m\n"]
    assert not mark.exists()
    assert not (tmp_path / "trace").exists()
    seen = log.read_text()
    for name in (
        "SSH_ASKPASS",
        "GIT_TEMPLATE_DIR",
        "GIT_EXEC_PATH",
        "GIT_CONFIG_PARAMETERS",
        "https_proxy",
        "GIT_SSL_NO_VERIFY",
    ):
        assert f"{name}=" not in seen, name
    arguments = "\n".join(line for line in seen.splitlines() if line.startswith("ARGS"))
    assert "s3cret" not in arguments
    assert "socks5h" not in arguments
    # Runs that stay on this machine are given no secret and may speak no protocol.
    local = [block for block in seen.split("ARGS") if "GIT_NO_LAZY_FETCH" in block]
    assert local
    assert all("s3cret" not in block and "GIT_ALLOW_PROTOCOL=\n" in block for block in local)


async def test_submodules_are_never_fetched(world: World, mark: Path) -> None:
    victim = GitRepo(world.root / "victim.git")
    victim.commit({"a": "b"})
    victim.save()
    repo = GitRepo(world.root / "sub.git")
    modules = (
        f'[submodule "a"]\n\tpath = a\n\turl = {world.server.url}/victim.git\n\tupdate = !{marking(mark)}\n'
        f'[submodule "../../hooks"]\n\tpath = "b\\r"\n\turl = -u{marking(mark)}\n'
        "\tfetchRecurseSubmodules = true\n"
    )
    repo.commit(
        {"go.mod": "module m\n", ".gitmodules": modules, "a": Gitlink("1" * 40), "b\r": Gitlink("2" * 40)},
        tags=["v1.0.0"],
    )
    repo.commit({"a": Gitlink("3" * 40)})
    repo.save()
    repository = world.repository("sub.git")
    async with repository.files(CTX, "v1.0.0", "", limit=999) as entries:
        assert sorted(entry.path for entry in entries) == [".gitmodules", "go.mod"]
    await repository.recent_tag(CTX, "main", "", lambda _: True)
    assert world.server.count("victim") == 0
    assert not mark.exists()


async def test_bundles_that_the_server_offers_are_not_fetched(world: World) -> None:
    config = {
        "uploadpack.advertiseBundleURIs": "true",
        "bundle.version": "1",
        "bundle.mode": "all",
        "bundle.x.uri": f"{world.server.url}/evil.bundle",
    }
    repo = GitRepo(world.root / "b.git", config=config)
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    middle = repo.commit({"go.mod": "module m2\n"})
    repo.commit({"go.mod": "module m3\n"})
    repo.save()
    repository = world.repository("b.git")
    await repository.stat(CTX, "v1.0.0")
    await repository.stat(CTX, middle.hash[:12])
    assert world.server.count("bundle") == 0


async def test_links_and_alternates_of_a_local_repository_bring_nothing_foreign(
    world: World, repo: GitRepo, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    (repo.folder / "objects" / "ab").mkdir(exist_ok=True)
    (repo.folder / "objects" / "ab" / ("c" * 38)).symlink_to(secret)
    (repo.folder / "secret").symlink_to(secret)
    repo.commit({"link": Symlink(str(secret)), "up": Symlink("../../../../etc/passwd")}, tags=["v1.1.0"])
    repo.save()
    repository = world.at(str(repo.folder), local=True)
    async with repository.files(CTX, "v1.1.0", "", limit=999) as entries:
        assert {entry.path for entry in entries if entry.kind is FileKind.SYMLINK} == {"link", "up"}
    for path in world.mirrors.rglob("*"):
        assert not path.is_symlink()
        if path.is_file():
            assert b"the secret" not in path.read_bytes()
            assert path.stat().st_nlink == 1
    assert not list(world.mirrors.rglob("alternates"))


async def test_a_local_repository_of_another_owner_is_read_once_named(world: World, repo: GitRepo) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    for path in (repo.folder, *repo.folder.rglob("*")):
        os.chown(path, 12345, 12345)
    assert (await world.at(str(repo.folder), local=True).stat(CTX, "v1.0.0")).version == "v1.0.0"


async def test_a_branch_that_calls_itself_a_hash_or_a_version_is_no_such_thing(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    good = repo.commit({"go.mod": "module good\n"}, tags=["v1.0.0"])
    evil = repo.commit({"go.mod": "module evil\n"}, branch="evil", parents=[])
    repo.save()
    repo.git("update-ref", f"refs/heads/{good.hash}", evil.hash)
    repo.git("update-ref", f"refs/tags/{good.hash}", evil.hash)
    repo.git("update-ref", "refs/heads/v1.0.0", evil.hash)
    repository = world.repository("m.git")
    assert (await repository.stat(CTX, good.hash)).name == good.hash
    assert (await repository.stat(CTX, "v1.0.0")).name == good.hash
    assert await repository.read_file(CTX, good.hash, "go.mod", limit=99) == b"module good\n"


async def test_commits_that_no_branch_or_tag_leads_to_are_unknown(world: World, repo: GitRepo) -> None:
    proposed = repo.commit({"go.mod": "module proposed\n"}, branch="pr", parents=[])
    repo.save()
    repo.git("update-ref", "refs/pull/1/head", proposed.hash)
    repo.git("update-ref", "-d", "refs/heads/pr")
    repository = world.repository("m.git")
    for asked in (proposed.hash, proposed.hash[:12], "refs/pull/1/head", "pull/1/head"):
        with pytest.raises(Absent):
            await repository.stat(CTX, asked)


async def test_what_a_server_says_cannot_reach_a_terminal(world: World, repo: GitRepo) -> None:
    says = b"\x1b[2J\x1b]0;owned\x07 all is well\r\nfatal: \xff\xfe repository 'x' not found\n" * 300
    world.server.answer = lambda _: Answer(403, {"Content-Type": "text/plain"}, says)
    with pytest.raises(Unavailable) as caught:
        await world.repository("m.git").tags(CTX, "v")
    text = str(caught.value)
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text) < 1500


async def test_credentials_do_not_follow_a_redirect_to_another_host(
    world: World, repo: GitRepo, tls: tuple[Path, Path]
) -> None:
    world.credentials.passwords[world.server.netloc] = ("alice", "s3cret")
    world.server.users = {"alice": "s3cret"}
    with GitServer(world.root, certificate=tls, users={"alice": "s3cret"}) as other:

        def away(seen: Seen) -> Answer | None:
            return (
                Answer(302, {"Location": f"{other.url}{seen.path}?{seen.query}"})
                if seen.credentials
                else None
            )

        world.server.answer = away
        # The guard lets no redirect to a place inside the network that nobody named.
        with pytest.raises(Unavailable, match="way out refused"):
            await world.repository("m.git").tags(CTX, "v")
        assert other.requests == []
        # Where the place is named, it is asked, but told nothing.
        named = world.at(f"{world.server.url}/m.git", also=frozenset({other.netloc}))
        with pytest.raises(ModgateError):
            await named.tags(CTX, "v")
        assert other.requests
        # Nor where the redirect comes before anybody asked who it is, and the other host then asks.
        world.server.answer = lambda seen: Answer(302, {"Location": f"{other.url}{seen.path}?{seen.query}"})
        again = world.at(f"{world.server.url}/m.git", also=frozenset({other.netloc}))
        with pytest.raises(Unavailable, match="refused access"):
            await again.tags(CTX, "v")
        assert all(seen.authorization == "" for seen in other.requests)
    assert any(seen.credentials == ("alice", "s3cret") for seen in world.server.requests)


async def test_a_host_that_repeats_what_it_was_told_is_not_repeated(world: World, repo: GitRepo) -> None:
    world.credentials.passwords[world.server.netloc] = ("alice", "s3 cret/p@ss")

    def echo(seen: Seen) -> Answer:
        if not seen.authorization:
            return Answer(401, {"WWW-Authenticate": 'Basic realm="x"'})
        words = f"{seen.authorization}\n{seen.authorization[6:]}\n"
        words += "s3%20cret%2Fp%40ss s3%20cret/p%40ss s3 cret/p@ss\n"
        return Answer(403, {"Content-Type": "text/plain"}, words.encode())

    world.server.answer = echo
    with pytest.raises(Unavailable, match="refused access") as caught:
        await world.repository("m.git").tags(CTX, "v")
    text = f"{caught.value} {caught.value!r}"
    assert text.count("***") >= 3
    assert "s3" not in text
    assert base64.b64encode(b"alice:s3 cret/p@ss").decode() not in text


async def test_lists_of_refs_do_not_pile_up_in_memory(world: World) -> None:
    listing = b"".join(b"%040x\trefs/tags/v1.0.%d\n" % (number, number) for number in range(1, 1001))

    def answer(seen: Seen) -> Answer:
        if seen.path.endswith("/info/refs"):
            return Answer(200, {"Content-Type": "text/plain"}, listing)
        return Answer(404)

    world.server.answer = answer
    settings = GitSettings(ca_file=world.ca_file)
    internal = frozenset({world.server.netloc})
    pool = GitRepositories(
        world.mirrors, settings, world.clock, egress=world.egress, internal=internal, weight=2500
    )
    for number in range(6):
        repository = pool.get(f"{world.server.url}/{number}.git")
        assert len((await repository.tags(CTX, "v")).tags) == 1000
    assert pool.weight <= 3500
    await pool.close()


async def test_a_credential_with_a_line_break_is_refused(world: World, repo: GitRepo) -> None:
    world.credentials.passwords[world.server.netloc] = ("alice", "s3cret\nhost=evil.example")
    with pytest.raises(Unavailable, match="line break") as caught:
        await world.repository("m.git").tags(CTX, "v")
    assert "s3cret" not in str(caught.value)


async def test_a_redirect_within_the_host_is_followed(world: World, repo: GitRepo) -> None:
    def moved(seen: Seen) -> Answer | None:
        if not seen.path.startswith("/old.git"):
            return None
        return Answer(301, {"Location": seen.path.replace("/old.git", "/m.git") + f"?{seen.query}"})

    world.server.answer = moved
    assert (await world.repository("old.git").stat(CTX, "v1.0.0")).version == "v1.0.0"


async def test_a_redirect_to_another_scheme_is_not_followed(world: World, repo: GitRepo) -> None:
    for location in (
        "file:///etc/passwd",
        "ext::sh",
        "ftp://127.0.0.1/x",
        f"http://{world.server.netloc}/m.git",
    ):
        world.server.answer = lambda _, location=location: Answer(302, {"Location": location})  # type: ignore[misc]
        with pytest.raises(Unavailable):
            await world.repository("m.git").tags(CTX, "v")


async def test_http_is_never_given_a_credential(world: World) -> None:
    with GitServer(world.root, users={"alice": "s3cret"}) as plain:
        world.credentials.passwords[plain.netloc] = ("alice", "s3cret")
        with pytest.raises(Unavailable):
            await world.at(f"{plain.url}/m.git", also=frozenset({plain.netloc})).tags(CTX, "v")
        assert plain.requests
        assert all(seen.authorization == "" for seen in plain.requests)


async def test_a_small_tree_that_stands_for_billions_of_files_is_refused(world: World) -> None:
    repo = GitRepo(world.root / "bomb.git")
    tree = repo.git("hash-object", "-w", "--stdin", stdin=b"boom")
    for level in range(8):
        kind = "100644 blob" if level == 0 else "040000 tree"
        rows = "".join(f"{kind} {tree}\tx{number:02}\n" for number in range(16))
        tree = repo.git("mktree", stdin=rows.encode())
    environment = {
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    made = subprocess.run(
        ["git", "-C", str(repo.folder), "commit-tree", "-m", "x", tree],
        env=git_environment() | environment,
        capture_output=True,
        check=True,
    )
    repo.git("update-ref", "refs/tags/v1.0.0", made.stdout.decode().strip())
    repository = world.repository("bomb.git")
    with pytest.raises(Invalid, match="more files"):
        async with repository.files(CTX, "v1.0.0", "", limit=1 << 29):
            pass


def delta_bomb(times: int) -> bytes:
    """A pack of a few kilobytes whose second blob is `times` 16 MiB, as a delta to the first."""

    def header(kind: int, size: int) -> bytes:
        out, byte, size = b"", (kind << 4) | (size & 15), size >> 4
        while size:
            out, byte, size = out + bytes([byte | 0x80]), size & 0x7F, size >> 7
        return out + bytes([byte])

    def number(value: int) -> bytes:
        out = b""
        while value > 0x7F:
            out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
        return out + bytes([value])

    base = bytes(0xFFFFFF)
    named = hashlib.sha1(b"blob %d\0" % len(base) + base).digest()
    delta = number(len(base)) + number(times * len(base)) + b"\xf0\xff\xff\xff" * times
    pack = b"PACK" + struct.pack(">II", 2, 2) + header(3, len(base)) + zlib.compress(base, 9)
    pack += header(7, len(delta)) + named + zlib.compress(delta, 9)
    return pack + hashlib.sha1(pack).digest()


async def test_a_small_pack_does_not_become_gigabytes_of_memory(world: World, repo: GitRepo) -> None:
    pack = delta_bomb(60)
    assert len(pack) < 50_000
    tip = repo.git("rev-parse", "HEAD")

    def answer(seen: Seen) -> Answer | None:
        if seen.method != "POST" or not fetching:
            return None
        kind = {"Content-Type": "application/x-git-upload-pack-result"}
        lines = [b"packfile\n", *(b"\1" + pack[at : at + 60_000] for at in range(0, len(pack), 60_000))]
        return Answer(200, kind, b"".join(b"%04x" % (len(line) + 4) + line for line in lines) + b"0000")

    fetching = False
    repository = world.repository("m.git")
    await repository.tags(CTX, "v")
    fetching = True
    world.server.answer = answer
    with pytest.raises(Unavailable, match="attempting to allocate 1006632"):
        await repository.stat(CTX, tip)


@pytest.mark.parametrize("name", [".git", ".GIT", "..", "."])
async def test_a_tree_with_a_name_of_gits_own_is_no_damage_of_the_mirror(
    world: World, repo: GitRepo, name: str
) -> None:
    blob = bytes.fromhex(repo.git("rev-parse", "HEAD:go.mod"))
    inner = b"100644 x.go\0" + blob
    folder = bytes.fromhex(repo.git("hash-object", "-t", "tree", "-w", "--stdin", stdin=inner))
    rows = sorted([(name, b"40000", folder), ("go.mod", b"100644", blob)])
    data = b"".join(mode + b" " + each.encode() + b"\0" + value for each, mode, value in rows)
    tree = repo.git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=data)
    lines = f"tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n".encode()
    repo.git(
        "update-ref",
        "refs/tags/v1.1.0",
        repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=lines),
    )
    repository = world.repository("m.git")
    await repository.stat(CTX, "v1.0.0")
    (mirror,) = world.mirrors.glob("*/trees.git")
    made = mirror.stat().st_ino
    with pytest.raises(Invalid, match="the tree holds the name"):
        async with repository.files(CTX, "v1.1.0", "", limit=9999):
            pass
    assert mirror.stat().st_ino == made


async def test_a_tag_that_leads_to_no_commit_is_absent_and_stops_no_other(
    world: World, repo: GitRepo
) -> None:
    tree = repo.git("rev-parse", "HEAD^{tree}")
    repo.git("update-ref", "refs/tags/v1.1.0", tree)
    repo.git("update-ref", "refs/tags/v1.2.0", repo.git("rev-parse", "HEAD:go.mod"))
    words = f"object {tree}\ntype tree\ntag v1.3.0\ntagger A <a@b> 1 +0000\n\nx\n".encode()
    repo.git(
        "update-ref", "refs/tags/v1.3.0", repo.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=words)
    )
    repository = world.repository("m.git")
    for asked in ("v1.1.0", "v1.2.0", "v1.3.0", tree, tree[:12]):
        with pytest.raises(Absent):
            await repository.stat(CTX, asked)
    assert (await repository.stat(CTX, "v1.0.0")).version == "v1.0.0"


async def test_ssh_is_strict_and_forwards_nothing(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "seen"
    program(
        tmp_path / "bin" / "ssh", f'for a in "$@"; do echo "$a" >> {log}; done\nenv > {log}.env\nexit 255\n'
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/the-users-own")
    key = tmp_path / "a key"
    hosts = tmp_path / "known hosts"
    world.credentials.access = SshAccess(user="deploy", key=key, known_hosts=hosts, agent="/run/agent")
    repository = world.at("ssh://git.example.com:2222/team/m.git")
    assert repository.url == "ssh://git.example.com:2222/team/m.git"
    with pytest.raises(Unavailable):
        await repository.tags(CTX, "v")
    words = log.read_text().splitlines()
    assert words[:2] == ["-F", "none"]
    for option in (
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "ForwardAgent=no",
        "ForwardX11=no",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "ControlPath=none",
        "IdentitiesOnly=yes",
        f'IdentityFile="{key}"',
        f'UserKnownHostsFile="{hosts}"',
    ):
        assert option in words, option
    assert any(word.startswith("ProxyCommand=") and "%h" in word for word in words)
    assert "deploy@git.example.com" in words
    assert words[words.index("-p") + 1] == "2222"
    environment = Path(f"{log}.env").read_text()
    assert "SSH_AUTH_SOCK=/run/agent\n" in environment
    assert "MODGATE_EGRESS_PASSAGE=" in environment
    real = shutil.which("ssh", path="/usr/bin:/bin")
    if real is not None:
        asked = [real, "-G", *words[: words.index("-p")], "h"]
        shown = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        assert f"userknownhostsfile {hosts}" in shown
        assert "forwardagent no" in shown
        assert "batchmode yes" in shown
        assert "stricthostkeychecking true" in shown


async def test_mirrors_are_for_their_owner_alone(world: World, repo: GitRepo) -> None:
    await world.repository("m.git").stat(CTX, "v1.0.0")
    folders = [path for path in world.mirrors.iterdir() if path.is_dir()]
    assert folders
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in folders)
