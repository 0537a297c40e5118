"""The checks of modules, the database, toolchains and repositories against networks that are written down."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from modgate.client.causes import checksum, config, content, status, toolchain, vcs
from modgate.client.doctor import go_sum, module_chain, sumdb, version_control
from modgate.client.doctor import toolchain as toolchains
from modgate.client.doctor.git_words import meaning_of, telling_line
from modgate.client.doctor.goimport import go_imports
from modgate.client.doctor.origin import git_environment
from modgate.client.doctor.scenery import scene_of
from modgate.client.doctor.toolchain import go_order
from modgate.client.findings import Phase
from modgate.client.machine.host import Ran
from modgate.client.machine.recorded import RecordedHost
from modgate.client.machine.settings import GoSettings, Layer, Setting, Value
from modgate.client.net.facts import Exchange, Failure, FailureKind, Step
from modgate.client.net.scripted import ScriptedProber
from tests.support.modules import World
from tests.support.static_sumdb import StaticDatabase, filler

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modgate.client.doctor.check import Result
    from modgate.client.doctor.scene import Scene
    from modgate.client.findings import Cause
    from tests.support.modules import BuiltModule

FIRST, SECOND = "https://first.test", "https://second.test"
MODULE = "example.test/mod"
ASKED = f"{MODULE}@v1.0.0"


def _answer(url: str, body: bytes = b"", status_code: int = 200, kind: str = "text/plain") -> Exchange:
    return Exchange(
        url, status_code, {"content-type": kind}, body, len(body), (Step("first-byte", 0.1),), complete=True
    )


def _whole(base: str, built: BuiltModule) -> dict[str | tuple[str, str], Exchange]:
    return {
        url: _answer(url, built.bytes_of(kind))
        for kind in ("info", "mod", "zip")
        for url in [base + built.url(kind)]
    }


def _absent(base: str, built: BuiltModule, code: int = 404) -> dict[str | tuple[str, str], Exchange]:
    url = base + built.url("info")
    return {url: _answer(url, b"not found: unknown revision", code)}


def _scene(
    exchanges: Mapping[str | tuple[str, str], Exchange],
    *,
    modules: tuple[str, ...] = (ASKED,),
    files: Mapping[str, str] | None = None,
    commands: Mapping[tuple[str, ...], Ran | None] | None = None,
    names: Mapping[str | tuple[str, str], list[str]] | None = None,
    **go: str,
) -> Scene:
    values = {"GOPROXY": FIRST, "GOSUMDB": "off"} | go
    settings = GoSettings(
        {
            name: Setting(name, Value(Layer.GOENV, text, "/home/me/.config/go/env", 1))
            for name, text in values.items()
        },
        goenv_file="/home/me/.config/go/env",
        version=go.get("version", "go1.26.8"),
    )
    host = RecordedHost(files=files, commands=commands)
    prober = ScriptedProber(exchanges=exchanges, names=names)
    return scene_of(host, settings, prober, clock=lambda: 0.0, modules=modules)


def _causes(result: Result) -> list[Cause]:
    return [finding.cause for finding in result.findings]


@pytest.fixture
def built(tmp_path: Path) -> BuiltModule:
    return World(tmp_path).add(MODULE, "v1.0.0")


async def test_a_module_that_comes_whole_is_no_finding(built: BuiltModule) -> None:
    result = await module_chain.CHECK.run(_scene(_whole(FIRST, built)))
    assert _causes(result) == []
    assert module_chain.served(result) == {FIRST}


async def test_a_mirror_without_a_version_that_another_has_lags(built: BuiltModule) -> None:
    scene = _scene(_absent(FIRST, built) | _whole(SECOND, built), GOPROXY=f"{FIRST},{SECOND}")
    result = await module_chain.CHECK.run(scene)
    assert _causes(result) == [status.MIRROR_LAG]
    assert result.findings[0].values["other"] == "second.test"


async def test_a_version_that_every_proxy_proves_absent_does_not_exist(built: BuiltModule) -> None:
    scene = _scene(_absent(FIRST, built) | _absent(SECOND, built), GOPROXY=f"{FIRST},{SECOND}")
    assert _causes(await module_chain.CHECK.run(scene)) == [status.NO_SUCH_VERSION]


async def test_one_mirror_alone_proves_nothing_about_the_world(built: BuiltModule) -> None:
    result = await module_chain.CHECK.run(_scene(_absent(FIRST, built)))
    assert _causes(result) == [status.NOT_FOUND]
    assert result.findings[0].confidence < 0.8


async def test_that_nobody_has_a_stand_in_is_no_fault(built: BuiltModule) -> None:
    url = f"{FIRST}/rsc.io/quote/@v/v1.5.2.info"
    result = await module_chain.CHECK.run(_scene({url: _answer(url, b"no", 404)}, modules=()))
    assert not result.findings
    assert result.unknown is not None


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("info", b"<html>sign in</html>", content.PORTAL),
        ("info", b"{", content.BAD_JSON),
        ("info", json.dumps({"Version": "v1.0.1"}).encode(), content.WRONG_VERSION),
        ("mod", b"<html>sign in</html>", content.HTML_MOD),
        ("mod", b"module other.test/mod\n", content.MOVED),
        ("mod", b"module (\n", content.BAD_GO_MOD),
        ("zip", b"nonsense", content.NOT_A_ZIP),
    ],
)
async def test_a_wrong_thing_with_status_200_is_named(
    built: BuiltModule, kind: str, body: bytes, expected: Cause
) -> None:
    url = FIRST + built.url(kind)
    result = await module_chain.CHECK.run(_scene({**_whole(FIRST, built), url: _answer(url, body)}))
    assert expected in _causes(result)


async def test_a_zip_of_another_module_is_named(built: BuiltModule, tmp_path: Path) -> None:
    other = World(tmp_path / "other").add("other.test/mod", "v1.0.0")
    url = FIRST + built.url("zip")
    result = await module_chain.CHECK.run(_scene({**_whole(FIRST, built), url: _answer(url, other.zip)}))
    assert _causes(result) == [content.WRONG_PREFIX]


async def test_the_newest_go_mod_tells_of_retraction_and_deprecation(
    built: BuiltModule, tmp_path: Path
) -> None:
    latest, mod = f"{FIRST}/{MODULE}/@latest", f"{FIRST}/{MODULE}/@v/v1.1.0.mod"
    text = b"// Deprecated: use other.\nmodule example.test/mod\n\nretract v1.0.0 // broken\n"
    exchanges = _whole(FIRST, built) | {
        latest: _answer(latest, b'{"Version": "v1.1.0"}'),
        mod: _answer(mod, text),
    }
    assert _causes(await module_chain.CHECK.run(_scene(exchanges))) == [content.DEPRECATED, content.RETRACTED]


async def test_a_module_that_only_its_private_repository_has_lacks_goprivate(built: BuiltModule) -> None:
    page = f"https://{MODULE}?go-get=1"
    tag = f'<meta name="go-import" content="{MODULE} git https://git.example.test/mod">'
    listing = "0" * 40 + "\trefs/tags/v1.0.0\n"
    scene = _scene(
        _absent(FIRST, built) | {page: _answer(page, tag.encode(), kind="text/html")},
        commands={("git",): Ran(0, listing)},
        names={"example.test": ["10.1.2.3"]},
    )
    result = await module_chain.CHECK.run(scene)
    assert _causes(result) == [config.PRIVATE_MISSING]
    repair = result.findings[0].repair
    assert repair is not None
    assert repair.edits[0].after == b"GOPRIVATE=example.test\n"


def _database(tmp_path: Path, built: BuiltModule, base: str) -> dict[str | tuple[str, str], Exchange]:
    records = {**filler(3), (built.path, built.version): built.record}
    made = StaticDatabase(tmp_path / "sumdb", records)
    lookup = f"{base}/lookup/{built.path}@{built.version}"
    return {
        f"{base}/latest": _answer(f"{base}/latest", made.latest),
        lookup: _answer(lookup, made.lookups[f"{built.path}@{built.version}"]),
    }


def _key(tmp_path: Path) -> str:
    return StaticDatabase(tmp_path / "key", filler(1)).key


async def test_the_database_through_a_proxy_is_asked_before_itself(
    built: BuiltModule, tmp_path: Path
) -> None:
    base = f"{FIRST}/sumdb/sum.example.test"
    supported = f"{base}/supported"
    exchanges = _database(tmp_path, built, base) | {supported: _answer(supported)}
    result = await sumdb.CHECK.run(_scene(exchanges, GOSUMDB=_key(tmp_path)))
    assert _causes(result) == []
    assert not sumdb.is_asked_directly(result)


async def test_a_database_that_nobody_carries_and_that_does_not_answer_times_out(
    built: BuiltModule, tmp_path: Path
) -> None:
    supported = f"{FIRST}/sumdb/sum.example.test/supported"
    silence = Failure(Phase.CONNECT, FailureKind.TIMEOUT)
    direct = "https://sum.example.test"
    exchanges: dict[str | tuple[str, str], Exchange] = {supported: _answer(supported, b"no", 404)}
    for path in ("latest", f"lookup/{ASKED}"):
        exchanges[f"{direct}/{path}"] = Exchange(f"{direct}/{path}", failure=silence)
    result = await sumdb.CHECK.run(_scene(exchanges, GOSUMDB=_key(tmp_path)))
    assert _causes(result) == [checksum.DATABASE_TIMEOUT]
    assert sumdb.is_asked_directly(result)


async def test_a_signature_of_another_key_is_told(built: BuiltModule, tmp_path: Path) -> None:
    direct = "https://sum.example.test"
    exchanges = _database(tmp_path, built, direct)
    forged = StaticDatabase(tmp_path / "f", filler(3), seed=b"\x09" * 32)
    latest = f"{direct}/latest"
    exchanges[latest] = _answer(latest, forged.latest)
    result = await sumdb.CHECK.run(_scene(exchanges, GOPROXY="direct", GOSUMDB=_key(tmp_path)))
    assert _causes(result) == [checksum.BAD_SIGNATURE]


async def test_go_sum_that_differs_from_what_is_sent_is_a_mismatch(built: BuiltModule) -> None:
    wrong = base64.b64encode(b"\x01" * 32).decode()
    files = {"/home/me/go.mod": "module me.test/m\n", "/home/me/go.sum": f"{MODULE} v1.0.0 h1:{wrong}\n"}
    result = await go_sum.CHECK.run(_scene(_whole(FIRST, built), files=files))
    assert _causes(result) == [checksum.GO_SUM_MISMATCH]
    files["/home/me/go.sum"] = f"{MODULE} v1.0.0 {built.h1}\n"
    assert _causes(await go_sum.CHECK.run(_scene(_whole(FIRST, built), files=files))) == []


async def test_a_zip_that_the_database_does_not_know_is_told(built: BuiltModule, tmp_path: Path) -> None:
    moved = World(tmp_path / "moved").add(MODULE, "v1.0.0", padding=10)
    direct = "https://sum.example.test"
    exchanges = _whole(FIRST, moved) | _database(tmp_path, built, direct)
    scene = _scene(exchanges, GOPROXY=f"{FIRST},direct", GOSUMDB=f"{_key(tmp_path)} {direct}")
    assert _causes(await go_sum.CHECK.run(scene)) == [checksum.DATABASE_MISMATCH]


@pytest.mark.parametrize(
    ("go", "expected"),
    [
        ({"GOTOOLCHAIN": "local"}, toolchain.TOO_OLD),
        ({"GOTOOLCHAIN": "auto"}, toolchain.UNVERIFIABLE),
        ({"GOTOOLCHAIN": "auto", "GOSUMDB": "sum.golang.org"}, toolchain.UNREACHABLE),
    ],
)
async def test_a_newer_go_that_cannot_be_had_is_told(go: dict[str, str], expected: Cause) -> None:
    files = {"/home/me/go.mod": "module me.test/m\n\ngo 1.99\n"}
    scene = _scene({}, files=files, **go)  # type: ignore[arg-type]
    assert _causes(await toolchains.CHECK.run(scene)) == [expected]


async def test_a_mirror_without_toolchains_harms_nobody_who_needs_none() -> None:
    result = await toolchains.CHECK.run(_scene({}, GOTOOLCHAIN="auto"))
    assert _causes(result) == []


def test_versions_of_go_are_in_their_order() -> None:
    versions = ["go1.20", "go1.20.1", "go1.21", "go1.21rc2", "go1.21.0", "go1.21.10", "go1.22"]
    keys = [go_order(version) for version in versions]
    assert None not in keys
    assert go_order("go1.21rc2") < go_order("go1.21.0")  # type: ignore[operator]
    assert go_order("go1.21.9") < go_order("go1.21.10")  # type: ignore[operator]
    assert go_order("local") is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fatal: could not read Username for 'https://h': terminal prompts disabled", vcs.NO_CREDENTIALS),
        (
            "remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://h/'",
            vcs.NO_CREDENTIALS,
        ),
        ("git@h: Permission denied (publickey).\nfatal: Could not read from remote", vcs.SSH_DENIED),
        ("Host key verification failed.", vcs.SSH_DENIED),
        ("fatal: repository 'https://h/x/' not found", vcs.REPOSITORY_MISSING),
        ("fatal: unable to access 'https://h/': Could not resolve host: h", vcs.HOST_UNRESOLVED),
        ("fatal: unable to access 'https://h/': Failed to connect to h port 443", vcs.FETCH_FAILED),
    ],
)
def test_the_words_of_git_have_a_meaning(words: str, expected: Cause) -> None:
    assert meaning_of(words) is expected
    assert telling_line(words)


def test_git_may_neither_ask_nor_page_nor_use_other_protocols() -> None:
    environ = git_environment({"GIT_DIR": "/x", "PATH": "/bin"})
    assert "GIT_DIR" not in environ
    assert environ["GIT_TERMINAL_PROMPT"] == "0"
    assert environ["GIT_ALLOW_PROTOCOL"] == "https:ssh:git+ssh"
    assert environ["PATH"] == "/bin"


async def test_a_repository_url_is_never_an_option_of_git() -> None:
    page = f"https://{MODULE}?go-get=1"
    tag = f'<meta name="go-import" content="{MODULE} git --upload-pack=touch">'
    scene = _scene(
        {page: _answer(page, tag.encode(), kind="text/html")},
        commands={("git", "--version"): Ran(0)},
        GOPRIVATE="example.test",
    )
    result = await version_control.CHECK.run(scene)
    assert _causes(result) == []


async def test_private_modules_without_git_cannot_be_had() -> None:
    assert _causes(await version_control.CHECK.run(_scene({}, GOPRIVATE="example.test"))) == [
        vcs.PROGRAM_MISSING
    ]


def test_only_tags_above_the_path_count() -> None:
    page = (
        b'<meta name="go-import" content="a.test/x git https://g/x"><meta name="go-import" content="b git u">'
    )
    assert [item.repository for item in go_imports(page, "a.test/x/y")] == ["https://g/x"]
    assert go_imports(page, "a.test/xy") == []
