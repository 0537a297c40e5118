"""`modgate publish` as a person and a CI job use it: what goes in, what is said, and where the token goes."""

from __future__ import annotations

import io
import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from modgate.cli import FAILED, USAGE, main, publish_send
from modgate.cli.publish_send import check_address, read_token
from modgate.cli.publish_tree import git_news, pack, read_tree
from modgate.errors import Invalid
from modgate.gomod.publishing import publishable
from tests.server.running import Running
from tests.server.test_publish import make
from tests.source.publishing import PATH, tree, version, zipped
from tests.support.modules import make_zip, zip_h1

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TOKEN = "the-token-of-the-ci"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MODGATE_PUBLISH_TOKEN", TOKEN)


def plant(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return plant(tmp_path / "work", tree())


@pytest.fixture
def gate() -> Iterator[Running]:
    app, _, _ = make()
    with Running(app) as server:
        yield server


def document_in(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The document, without the log lines of a gate that runs in the same process."""
    printed = capsys.readouterr().out
    document: dict[str, Any] = json.loads(printed[printed.index("{\n") :])
    return document


class Scripted(ThreadingHTTPServer):
    """Answers every PUT the same way, and remembers what it was told."""

    status = 200
    body = b""
    headers: Mapping[str, str] = {}
    continues = True

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], int]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Scripted

    def handle_expect_100(self) -> bool:
        return not self.server.continues or super().handle_expect_100()

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if not data:
            return  # it waited for an answer to its Expect, and went away
        self.server.asked.append((self.path, dict(self.headers), len(data)))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
        pass


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_tree_is_published_and_published_again(
    work: Path, gate: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", str(work), "v1.0.0", "--to", gate.url]) == 0
    said = capsys.readouterr().out
    assert f"{PATH}@v1.0.0 is published." in said
    assert zip_h1(zipped(version())) in said
    assert main(["publish", str(work), "v1.0.0", "--to", f"{gate.url}/"]) == 0
    assert "was published before" in capsys.readouterr().out
    assert zip_h1(gate.ask(f"/{PATH}/@v/v1.0.0.zip").body) == zip_h1(zipped(version()))


def test_json_is_one_document(work: Path, gate: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", str(work), "v1.0.0", "--to", gate.url, "--json"]) == 0
    found = document_in(capsys)
    assert found["status"] == "created"
    assert found["h1"] == zip_h1(zipped(version()))
    assert (found["files"], found["omitted"], found["invalid"]) == (2, [], [])
    (work / "lib.go").write_text("package lib // other\n")
    assert main(["publish", str(work), "v1.0.0", "--to", gate.url, "--json"]) == FAILED
    found = document_in(capsys)
    assert (found["status"], found["http_status"]) == ("refused", 409)


def test_a_dry_run_needs_no_token_and_no_gate(
    work: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODGATE_PUBLISH_TOKEN")
    plant(work, {"sub/go.mod": b"module x\n", "vendor/x/x.go": b"package x\n", ".hg/store": b"x"})
    (work / "link.go").symlink_to("lib.go")
    assert main(["publish", str(work), "v1.0.0", "--dry-run", "--to", "http://127.0.0.1:1"]) == 0
    said = capsys.readouterr().out
    for piece in (
        zip_h1(zipped(version())),
        "Left out (4)",
        "directory is in another module",
        "file is in vendor directory",
        "directory is a version control repository",
        "not a regular file",
        "Nothing was sent",
        "Largest files",
    ):
        assert piece in said


def test_files_that_no_zip_may_hold_are_told_and_nothing_is_sent(
    work: Path, scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(work, {"aux.go": b"package lib\n", "a.go": b"", "A.go": b""})
    assert main(["publish", str(work), "v1.0.0", "--to", scripted.url]) == FAILED
    said = capsys.readouterr().out
    assert "aux.go" in said
    assert "case-insensitive" in said
    assert "Nothing was sent" in said
    assert scripted.asked == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["v1.0"], "no full version"),
        (["v2.0.0"], "should be v0 or v1"),
        (["v0.0.0-20240506070809-0123456789ab"], "pseudo-version"),
        (["v1.0.0", "--to", "http://gate.example"], "not sent over plain http"),
        (["v1.0.0", "--to", "http://user:secret@127.0.0.1"], "takes no password"),
        (["v1.0.0", "--to", "ftp://127.0.0.1"], "the address of a gate"),
        (["v1.0.0", "--token-file", "/nonexistent"], "cannot be read"),
        (["1.0.0"], "v1.0.0 would be"),
        (["v1.0.0", "--cert", "c.pem"], "go together"),
        (["v1.0.0", "--key", "k.pem", "--dry-run"], "go together"),
        (["v1.0.0", "--cert", "c.pem", "--key", "k.pem"], "plain http"),
        (["v1.0.0", "--module", "nodot"], "missing dot"),
    ],
)
def test_slips_are_told_before_anything_is_sent(
    work: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["publish", str(work), *arguments]) == USAGE
    captured = capsys.readouterr()
    assert said in captured.err
    assert "secret" not in captured.err


def test_a_folder_without_go_mod_needs_a_name(
    tmp_path: Path, gate: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = plant(tmp_path / "bare", {"lib.go": b"package lib\n"})
    assert main(["publish", str(bare), "v1.0.0"]) == USAGE
    assert "--module" in capsys.readouterr().err
    assert main(["publish", str(bare), "v1.0.0", "--module", PATH, "--to", gate.url]) == 0
    assert gate.ask(f"/{PATH}/@v/v1.0.0.mod").text == f"module {PATH}\n"
    assert main(["publish", str(tmp_path / "none"), "v1.0.0"]) == USAGE


def test_a_token_comes_from_the_variable_or_a_file_and_is_never_shown(
    work: Path,
    gate: Running,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MODGATE_PUBLISH_TOKEN")
    assert main(["publish", str(work), "v1.0.0", "--to", gate.url]) == USAGE
    assert "MODGATE_PUBLISH_TOKEN" in capsys.readouterr().err
    file = tmp_path / "token"
    file.write_text(f"# ours\nci {TOKEN}\n")
    assert main(["publish", str(work), "v1.0.0", "--to", gate.url, "--token-file", str(file)]) == 0
    file.write_text("another-token-of-ours")
    assert main(["publish", str(work), "v1.0.0", "--to", gate.url, "--token-file", str(file)]) == FAILED
    captured = capsys.readouterr()
    assert "does not know the token" in captured.err
    assert TOKEN not in captured.out + captured.err
    assert "another-token" not in captured.out + captured.err


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "with\x00zero-012345678", "größe-0123456789012"])
def test_a_token_that_no_header_may_hold_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_token(text, "file")
    assert "0123" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "for invalid"),
        (401, "does not know the token"),
        (403, "may not be published there"),
        (404, "nothing to publish to"),
        (405, "switched off"),
        (408, "too long"),
        (409, "never change"),
        (413, "500 MiB"),
        (429, "Too many"),
        (500, "answered 500"),
        (503, "busy"),
        (507, "disk is full"),
        (302, "sends elsewhere (http://127.0.0.1:1/x)"),
        (200, "not that of a gate"),
    ],
)
def test_every_refusal_has_its_words(
    work: Path, scripted: Scripted, capsys: pytest.CaptureFixture[str], status: int, said: str
) -> None:
    scripted.status = status
    scripted.body = b"the gate's own words \x1b[31m\n"
    scripted.headers = {"Location": "http://127.0.0.1:1/x"} if status == 302 else {}
    assert main(["publish", str(work), "v1.0.0", "--to", scripted.url]) == FAILED
    captured = capsys.readouterr()
    assert said in " ".join(captured.err.split())
    assert "\x1b" not in captured.err
    assert len(scripted.asked) == 1, "a token follows no redirect"
    path, headers, size = scripted.asked[0]
    assert path == f"/{PATH}/@v/v1.0.0"
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/zip"
    assert size == int(headers["Content-Length"])


def test_a_gate_that_stored_something_else_is_found_out(
    work: Path, scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.body = b'{"h1": "h1:other="}'
    assert main(["publish", str(work), "v1.0.0", "--to", scripted.url]) == FAILED
    assert "SECURITY" in capsys.readouterr().err


def test_a_conflict_says_its_advice_once(
    work: Path, gate: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", str(work), "v1.0.0", "--to", gate.url]) == 0
    (work / "lib.go").write_text("package lib // other\n")
    assert main(["publish", str(work), "v1.0.0", "--to", gate.url]) == FAILED
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("retract") == 1
    assert "exists with other content: the module stored has h1:" in said
    assert "request " in said


@pytest.mark.parametrize("prefix", ["/wrong", "/wrong.example", "/deep/wrong/"])
def test_a_prefix_that_the_gate_takes_for_part_of_the_module_points_at_to(
    work: Path, gate: Running, capsys: pytest.CaptureFixture[str], prefix: str
) -> None:
    assert main(["publish", str(work), "v1.0.0", "--to", gate.url + prefix]) == FAILED
    said = " ".join(capsys.readouterr().err.split())
    assert f"takes {prefix.strip('/')}, the end of --to, for part of the module path" in said


def test_a_prefix_that_is_missing_points_at_to(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app, _, _ = make(mount="/go")
    with Running(app) as server:
        base = server.url.removesuffix("/go")
        assert main(["publish", str(work), "v1.0.0", "--to", base]) == FAILED
        assert "--to lacks the gate's prefix" in capsys.readouterr().err
        assert main(["publish", str(work), "v1.0.0", "--to", f"{base}/go"]) == 0


def test_a_server_that_knows_no_expect_gets_the_body_after_a_while(
    work: Path, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_send, "_CONTINUE_SECONDS", 0.3)
    scripted.continues = False
    scripted.body = json.dumps({"h1": zip_h1(zipped(version()))}).encode()
    assert main(["publish", str(work), "v1.0.0", "--to", scripted.url]) == 0
    assert len(scripted.asked) == 1


def test_a_gate_that_is_not_there_is_told(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", str(work), "v1.0.0", "--to", "http://127.0.0.1:1"]) == FAILED
    assert "refuses connections" in capsys.readouterr().err


def test_the_words_are_chinese_where_that_is_asked(
    work: Path, gate: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", str(work), "v1.0.0", "--to", gate.url, "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "已发布" in said
    assert "解压后 45 字节" in said


def test_a_chinese_refusal_begins_behind_the_name_of_the_program(
    work: Path, scripted: Scripted, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    scripted.status = 409
    assert main(["publish", str(work), "v1.0.0", "--to", scripted.url, "--lang", "zh"]) == FAILED
    first, *more = capsys.readouterr().err.splitlines()
    assert first.startswith("modgate: 这个版本")
    assert more


def test_the_zip_can_be_kept(work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "kept.zip"
    assert main(["publish", str(work), "v1.0.0", "--dry-run", "--out", str(out)]) == 0
    assert zip_h1(out.read_bytes()) == zip_h1(zipped(version()))
    assert str(out) in capsys.readouterr().out
    assert main(["publish", str(work), "v1.0.0", "--dry-run", "--out", str(tmp_path)]) == FAILED


def test_a_zip_that_cannot_be_written_whole_leaves_the_older_one(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource")
    out = tmp_path / "kept.zip"
    out.write_bytes(b"older")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        status = main(["publish", str(work), "v1.0.0", "--dry-run", "--out", str(out)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == FAILED
    assert "cannot be written" in capsys.readouterr().err
    assert out.read_bytes() == b"older"
    assert not list(tmp_path.glob(".kept.zip*"))


def test_a_capital_in_the_path_is_escaped_in_the_url(tmp_path: Path, scripted: Scripted) -> None:
    upper = plant(tmp_path / "upper", tree("corp.example/UP"))
    main(["publish", str(upper), "v1.0.0-RC.1", "--to", scripted.url])
    assert scripted.asked[0][0] == "/corp.example/!u!p/@v/v1.0.0-!r!c.1"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:3000", "http://[::1]:3000", "http://localhost:3000/x", "https://gate.example"],
)
def test_this_machine_and_https_get_the_token(url: str) -> None:
    assert check_address(url + "/", insecure=False) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://10.0.0.1:3000",
        "http://0.0.0.0:3000",
        "HTTP://gate.example",
    ],
)
def test_plain_http_elsewhere_does_not(url: str) -> None:
    with pytest.raises(Invalid, match="plain http"):
        check_address(url, insecure=False)
    assert check_address(url, insecure=True)


def test_a_tree_with_a_git_repository_gives_hints(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    git = ["git", "-C", str(work), "-c", "user.name=n", "-c", "user.email=e@example.com"]
    plant(
        work, {"ignored.bin": b"x", ".gitignore": b"ignored.bin\nbuilt/\n", "built/a": b"1", "gone.go": b"x"}
    )
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "m"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    found = git_news(read_tree(work), {"PATH": "/usr/bin:/bin"})
    assert found is not None
    assert (found.unknown, found.changed) == (("built/a", "ignored.bin"), ())
    plant(work, {"lib.go": b"package other\n", "new.go": b"package lib\n"})
    (work / "gone.go").unlink()
    assert main(["publish", str(work), "v1.0.0", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "not in git: 3 of the files" in said
    assert "not as in the last commit: 1 of the files, lib.go" in said
    assert "Not in git (3)\nbuilt/a\nignored.bin\nnew.go\n" in said.replace(" \n", "\n")
    assert "Not as in the last commit (1)\nlib.go\n" in said
    assert main(["publish", str(work), "v1.0.0", "--dry-run", "--json"]) == 0
    document = document_in(capsys)
    assert set(document["git"]["unknown"]) == {"built/a", "ignored.bin", "new.go"}
    assert document["git"]["changed"] == ["lib.go"]


def test_what_git_does_not_have_is_told_before_it_is_sent(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run(["git", "-C", str(work), "init", "-q"], check=True)
    assert main(["publish", str(work), "v1.0.0", "--to", "http://127.0.0.1:1"]) == FAILED
    captured = capsys.readouterr()
    warned, _, refused = captured.err.partition("refuses connections")
    assert "not in git: 2 of the files" in warned
    assert "not in git" not in refused + captured.out


def test_a_module_below_the_root_of_a_repository_gets_its_hints(work: Path) -> None:
    subprocess.run(["git", "-C", str(work), "init", "-q"], check=True)
    below = plant(work / "below", tree(f"{PATH}/below"))
    found = git_news(read_tree(below), {"PATH": "/usr/bin:/bin"})
    assert found is not None
    assert set(found.unknown) == {"go.mod", "lib.go"}


def test_without_git_there_are_no_hints(work: Path) -> None:
    assert git_news(read_tree(work), {"PATH": "/usr/bin:/bin"}) is None
    (work / ".git").mkdir()
    assert git_news(read_tree(work), {"PATH": "/nonexistent"}) is None


def test_replacements_are_hinted_at(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "go.mod").write_text(f"module {PATH}\n\nreplace example.com/x => ../x\n")
    main(["publish", str(work), "v1.0.0", "--dry-run"])
    assert "replace lines (1)" in capsys.readouterr().out


def test_a_tree_packs_to_the_same_bytes_each_time(work: Path) -> None:
    of = publishable(PATH, "v1.0.0")
    one, two = io.BytesIO(), io.BytesIO()
    packed = pack(of, read_tree(work), one)
    pack(of, read_tree(work), two)
    assert one.getvalue() == two.getvalue()
    assert (packed.size, packed.files) == (len(one.getvalue()), 2)
    assert packed.h1 == zip_h1(make_zip({f"{of}/{name}": data for name, data in tree().items()}))
