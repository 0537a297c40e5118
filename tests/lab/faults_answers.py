"""Stages 11 to 25: answers, bodies, checksums, version control, toolchains, settings, editors."""

from __future__ import annotations

import json

from tests.lab.apps import HTML, sign_in
from tests.lab.internet import PRIVATE, STAND_IN, Internet
from tests.lab.stages import Bend, stage
from tests.lab.web import Break, Reply
from tests.support.modules import make_zip

MIRROR = "mirror.example.net"


def only(lab: Internet, *faults: tuple[str, Reply], h2: bool = False, more: str = "") -> None:
    """The mirror is all there is, and has these faults."""
    lab.machine.settings["GOPROXY"] = f"https://{MIRROR}{more}"
    lab.proxies[MIRROR].faults = list(faults)
    lab.web.sites[MIRROR].h2 = h2


@stage(11, "MG-STAT-002", phase="status")
def forbidden(lab: Internet) -> None:
    refusal = Reply(b"Forbidden by policy: licence not allowed\n", 403)
    only(lab, (f"/{STAND_IN}/*", refusal), more=",https://goproxy.cn,direct")


@stage(11, "MG-STAT-002", phase="status", modules=("example.com/tool@v1.1.0",))
def one_module_forbidden(lab: Internet) -> None:
    refusal = Reply(b"example.com/tool is blocked: unreviewed\n", 403)
    only(lab, ("/example.com/tool/*", refusal), more=",direct")


@stage(12, "MG-STAT-011", "MG-STAT-003", phase="status", modules=("example.com/tool@v1.1.0",))
def mirror_lags(lab: Internet) -> None:
    absent = Reply(b"not found: example.com/tool@v1.1.0: invalid version: unknown revision v1.1.0\n", 404)
    only(lab, ("/example.com/tool/@v/v1.1.0.*", absent))


@stage(12, "MG-STAT-012", "MG-STAT-003", phase="status", modules=("example.com/tool@v9.9.9",))
def version_does_not_exist(lab: Internet) -> None:
    lab.machine.settings["GOPROXY"] = "https://goproxy.cn,https://proxy.golang.org"


@stage(13, "MG-CFG-017", "MG-SUM-005", modules=(f"{PRIVATE}@v1.0.0",))
def private_module_undeclared(lab: Internet) -> None:
    """The repository can be cloned; what fails is the checksum database."""


@stage(14, "MG-VCS-001", phase="vcs", modules=(f"{PRIVATE}@v1.0.0",))
def git_without_credentials(lab: Internet) -> None:
    lab.machine.settings["GOPRIVATE"] = "git.example-corp.com"
    lab.git.status = 401


@stage(15, "MG-VCS-002", phase="vcs", modules=("git.example-corp.com/team/gone.git@v1.0.0",))
def no_secure_protocol(lab: Internet) -> None:
    lab.machine.settings["GOPRIVATE"] = "git.example-corp.com"
    lab.git.status = 404


@stage(16, "MG-VCS-003", phase="vcs", modules=(f"{PRIVATE}@v1.0.0",))
def page_without_go_import(lab: Internet) -> None:
    lab.machine.settings["GOPRIVATE"] = "git.example-corp.com"
    lab.git.imports = False


@stage(17, "MG-CNT-002", phase="content")
def zip_is_html(lab: Internet) -> None:
    only(lab, ("*.zip", Reply(HTML, type="text/html")))


@stage(18, "MG-CNT-001", "MG-CNT-009", phase="content")
def portal_answers_everything(lab: Internet) -> None:
    only(lab)
    for name in (MIRROR, "neverssl.com"):
        lab.web.sites[name].app = sign_in


@stage(18, "MG-CNT-001", "MG-CNT-009", phase="content")
def portal_on_a_plain_proxy(lab: Internet) -> None:
    lab.machine.settings["GOPROXY"] = f"http://{MIRROR}"
    lab.web.sites[MIRROR].app = sign_in


@stage(19, "MG-BODY-001", phase="body")
def body_cut(lab: Internet) -> None:
    only(lab, ("*.zip", Reply(breaks=Break.CUT)))


@stage(19, "MG-BODY-003", phase="body")
def http2_stream_reset(lab: Internet) -> None:
    only(lab, ("*.zip", Reply(breaks=Break.CUT)), h2=True)


@stage(19, "MG-BODY-004", phase="body")
def connection_reset_in_the_body(lab: Internet) -> None:
    only(lab, ("*.zip", Reply(breaks=Break.RESET_BODY)))


@stage(19, "MG-HTTP-001", phase="headers")
def closed_without_an_answer(lab: Internet) -> None:
    only(lab, ("/*", Reply(breaks=Break.CLOSE)))


@stage(20, "MG-HTTP-004", "MG-HTTP-008", phase="headers")
def no_answer(lab: Internet) -> None:
    only(lab, ("/*", Reply(breaks=Break.HANG)), more=",direct")


@stage(20, "MG-BODY-002", phase="body")
def body_stalls(lab: Internet) -> None:
    only(lab, ("*.zip", Reply(breaks=Break.STALL)))


@stage(21, "MG-SUM-008", phase="checksum")
def mirror_serves_a_moved_tag(lab: Internet) -> None:
    built = lab.world.modules[STAND_IN, "v1.5.2"]
    prefix = f"{STAND_IN}@v1.5.2"
    moved = make_zip({f"{prefix}/go.mod": built.mod, f"{prefix}/quote.go": b"package quote // moved\n"})
    only(lab, (built.url("zip"), Reply(moved, type="application/zip")))


@stage(21, "MG-SUM-003", phase="checksum")
def database_forged(lab: Internet) -> None:
    other = lab.database.latest.replace(b"go.sum database tree\n", b"go.sum database tree\n9")
    forged = Reply(other)
    only(lab, ("/sumdb/*/latest", forged), ("/sumdb/*/lookup/*", forged))


@stage(21, "MG-SUM-001", phase="checksum")
def go_sum_differs(lab: Internet) -> None:
    work = lab.machine.work
    work.mkdir()
    zeros = "A" * 43 + "="
    record = lab.world.modules["example.com/tool", "v1.1.0"].record.decode().splitlines()
    (work / "go.mod").write_text(
        "module example.org/app\n\ngo 1.21\n\nrequire example.com/tool v1.1.0\n", encoding="utf-8"
    )
    (work / "go.sum").write_text(f"example.com/tool v1.1.0 h1:{zeros}\n{record[1]}\n", encoding="utf-8")


@stage(22, "MG-CFG-014", phase="config")
def database_named_by_url(lab: Internet) -> None:
    lab.machine.settings["GOSUMDB"] = "https://sum.golang.google.cn"


@stage(22, "MG-CFG-015", phase="config")
def database_with_two_urls(lab: Internet) -> None:
    lab.machine.settings["GOSUMDB"] = "sum.golang.org https://a.example https://b.example"


@stage(23, "MG-TC-001", phase="toolchain")
def toolchain_not_carried(lab: Internet) -> None:
    only(lab, ("/golang.org/toolchain/*", Reply(b"not found\n", 404)))
    lab.machine.work.mkdir()
    (lab.machine.work / "go.mod").write_text("module example.org/app\n\ngo 1.27.0\n", encoding="utf-8")


@stage(23, "MG-TC-002", phase="toolchain")
def toolchain_unverifiable(lab: Internet) -> None:
    lab.machine.settings["GOSUMDB"] = "off"
    lab.machine.work.mkdir()
    (lab.machine.work / "go.mod").write_text("module example.org/app\n\ngo 1.27.0\n", encoding="utf-8")


def _typo(name: str, value: str, *ids: str) -> None:
    def bend(lab: Internet) -> None:
        lab.machine.settings["GOPROXY"] = value

    bend.__name__ = name
    register: Bend = stage(24, *ids, phase="config")(bend)
    assert register is bend


_typo("typo_full_width_comma", "https://goproxy.cn，direct", "MG-CFG-003")
_typo("typo_semicolon", "https://goproxy.cn;direct", "MG-CFG-003")
_typo("typo_space", "https://goproxy.cn direct", "MG-CFG-003")
_typo("typo_quotes", '"https://goproxy.cn,direct"', "MG-CFG-004")
_typo("typo_one_slash", "https:/goproxy.cn,direct", "MG-CFG-005")
_typo("typo_capital", "https://mirror.invalid|Direct", "MG-CFG-006")
_typo("typo_scheme", "ftp://goproxy.cn,direct", "MG-CFG-007")
_typo("typo_word", "goproxy,direct", "MG-CFG-002", "MG-CFG-012")
_typo("typo_bogus_mirror", "https://mirrors.tuna.tsinghua.edu.cn/goproxy/,direct", "MG-CFG-013")


def _editor(lab: Internet, settings: dict[str, object]) -> None:
    folder = lab.machine.home / ".config" / "Code" / "User"
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps(settings, indent=4), encoding="utf-8")
    lab.machine.settings["GOPROXY"] = "https://goproxy.cn,direct"


@stage(25, "MG-VSC-001", phase="config")
def editor_has_another_proxy(lab: Internet) -> None:
    _editor(lab, {"go.toolsEnvVars": {"GOPROXY": "https://proxy.golang.org,direct"}})
    for name in ("proxy.golang.org", "sum.golang.org"):
        lab.silent.update(lab.zone[name])


@stage(25, "MG-VSC-009", phase="config")
def editor_has_a_typo(lab: Internet) -> None:
    _editor(lab, {"go.toolsEnvVars": {"GOPROXY": "https://goproxy.cn，direct"}})


@stage(25, "MG-VSC-002", phase="config")
def editor_has_a_dead_proxy(lab: Internet) -> None:
    _editor(lab, {"http.proxy": "http://127.0.0.1:7890"})
