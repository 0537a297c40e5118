"""More shapes of the failures from 11 on, and failures without a row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.lab.apps import HTML
from tests.lab.faults_answers import MIRROR, only
from tests.lab.internet import PRIVATE, STAND_IN
from tests.lab.stages import stage
from tests.lab.web import Break, Reply

if TYPE_CHECKING:
    from tests.lab.internet import Internet

GIT = "git.example-corp.com"


@stage(11, "MG-STAT-002", phase="status")
def forbidden_by_a_web_page(lab: Internet) -> None:
    only(lab, ("/*", Reply(HTML, 403, "text/html")), more=",direct")


@stage(12, "MG-STAT-011", "MG-STAT-004", "MG-STAT-003", phase="status", modules=("example.com/tool@v1.1.0",))
def version_gone_from_the_mirror(lab: Internet) -> None:
    only(lab, ("/example.com/tool/@v/v1.1.0.*", Reply(b"gone\n", 410)))


@stage(15, "MG-VCS-002", "MG-VCS-001", phase="vcs", modules=(f"{GIT}/team/lib.git@v1.0.0",))
def no_secure_protocol_hides_credentials(lab: Internet) -> None:
    lab.machine.settings["GOPRIVATE"] = GIT
    lab.git.status = 401


@stage(16, "MG-VCS-003", phase="vcs", modules=(f"{PRIVATE}@v1.0.0",))
def page_does_not_exist(lab: Internet) -> None:
    lab.machine.settings["GOPRIVATE"] = GIT
    lab.git.imports = False
    lab.git.page_status = 404


@stage(4, "MG-VCS-011", "MG-DNS-001", modules=("gone.example.org/lib@v1.0.0",))
def origin_does_not_resolve(lab: Internet) -> None:
    lab.machine.settings["GOPROXY"] = "direct"
    lab.machine.settings["GOPRIVATE"] = "gone.example.org"


@stage(18, "MG-CNT-003", "MG-CNT-001")
def web_page_in_place_of_go_mod(lab: Internet) -> None:
    only(lab, ("*.mod", Reply(HTML, type="text/html")))


@stage(None, "MG-STAT-007", phase="status")
def proxy_broken(lab: Internet) -> None:
    only(lab, ("/*", Reply(b"backend unavailable\n", 503)), more=",direct")


@stage(None, "MG-STAT-001", phase="status")
def proxy_wants_credentials(lab: Internet) -> None:
    only(lab, ("/*", Reply(b"unauthorized\n", 401)), more=",direct")


@stage(None, "MG-STAT-010", phase="status")
def redirects_in_a_circle(lab: Internet) -> None:
    only(lab, ("/*", Reply(b"x", 302, headers=(("Location", "/again"),))))


@stage(None, "MG-STAT-009", phase="status")
def redirect_to_http(lab: Internet) -> None:
    only(lab, ("/*", Reply(b"x", 302, headers=(("Location", f"http://{MIRROR}/"),))))


@stage(None, "MG-HTTP-003", phase="headers")
def answer_is_not_http(lab: Internet) -> None:
    only(lab, ("/*", Reply(breaks=Break.GARBAGE)))


@stage(None, "MG-HTTP-002", phase="headers")
def reset_after_the_request(lab: Internet) -> None:
    only(lab, ("/*", Reply(breaks=Break.RESET)))


@stage(23, "MG-TC-001", "MG-TC-006", phase="toolchain")
def toolchain_that_never_was(lab: Internet) -> None:
    lab.machine.environ["GOTOOLCHAIN"] = "go1.99.0"


@stage(None, "MG-TC-004", phase="toolchain")
def toolchain_too_old(lab: Internet) -> None:
    lab.machine.settings["GOTOOLCHAIN"] = "local"
    lab.machine.work.mkdir()
    (lab.machine.work / "go.mod").write_text("module example.org/app\n\ngo 1.27.0\n", encoding="utf-8")


@stage(None, "MG-NET-007")
def downloads_throttled(lab: Internet) -> None:
    only(lab, ("/golang.org/x/text/*.zip", Reply(rate=40_000)), more=",direct")


@stage(24, "MG-CFG-008", phase="config")
def typo_folder(lab: Internet) -> None:
    lab.machine.settings["GOPROXY"] = "file:///srv/no/such/folder,direct"


@stage(24, "MG-CFG-010", phase="config")
def goenv_file_with_carriage_returns(lab: Internet) -> None:
    lab.machine.goenv = b"GOPROXY=https://goproxy.cn,direct\r\nGOSUMDB=sum.golang.google.cn\r\n"


@stage(24, "MG-CFG-011", phase="config")
def goenv_file_with_a_mark(lab: Internet) -> None:
    lab.machine.goenv = b"\xef\xbb\xbfGOPROXY=https://goproxy.cn,direct\n"
    for name in ("proxy.golang.org", "sum.golang.org"):
        lab.silent.update(lab.zone[name])


@stage(None, "MG-CFG-001", phase="config")
def downloads_switched_off(lab: Internet) -> None:
    lab.machine.environ["GOPROXY"] = "off"


@stage(None, "MG-CACHE-001", phase="config")
def cache_is_a_file(lab: Internet) -> None:
    lab.machine.home.mkdir(exist_ok=True)
    (lab.machine.home / "go").write_bytes(b"")


@stage(25, "MG-VSC-001", "MG-VSC-004", phase="config")
def workspace_has_another_proxy(lab: Internet) -> None:
    folder = lab.machine.work / ".vscode"
    folder.mkdir(parents=True)
    wanted = {"go.toolsEnvVars": {"GOPROXY": "https://proxy.golang.org,direct"}}
    (folder / "settings.json").write_text(json.dumps(wanted), encoding="utf-8")
    user = lab.machine.home / ".config" / "Code" / "User"
    user.mkdir(parents=True)
    (user / "settings.json").write_text('{"security.workspace.trust.enabled": false}\n', encoding="utf-8")
    lab.machine.settings["GOPROXY"] = "https://goproxy.cn,direct"
    for name in ("proxy.golang.org", "sum.golang.org"):
        lab.silent.update(lab.zone[name])


@stage(25, "MG-VSC-001", "MG-VSC-009", phase="config")
def another_editor_has_another_proxy(lab: Internet) -> None:
    user = lab.machine.home / ".config" / "Cursor" / "User"
    user.mkdir(parents=True)
    text = '{\n  // for work\n  "go.toolsEnvVars": {"GOPROXY": "off",},\n}\n'
    (user / "settings.json").write_text(text, encoding="utf-8")


@stage(21, "MG-SUM-001", phase="checksum")
def go_sum_differs_for_the_stand_in(lab: Internet) -> None:
    work = lab.machine.work
    work.mkdir()
    record = lab.world.modules[STAND_IN, "v1.5.2"].record.decode().splitlines()
    (work / "go.mod").write_text(
        f"module example.org/app\n\ngo 1.21\n\nrequire {STAND_IN} v1.5.2\n", encoding="utf-8"
    )
    (work / "go.sum").write_text(f"{STAND_IN} v1.5.2 h1:{'B' * 43}=\n{record[1]}\n", encoding="utf-8")
