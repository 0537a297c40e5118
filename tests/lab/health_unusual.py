"""Stages of health: unusual setups that work all the same."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.lab.apps import ModuleProxy
from tests.lab.health import CHINA
from tests.lab.internet import PLAIN_PORT, PRIVATE
from tests.lab.names import CORPORATE_PROXY
from tests.lab.stages import stage
from tests.lab.tunnels import Tunnel
from tests.lab.web import Reply, Request, Site

if TYPE_CHECKING:
    from tests.lab.internet import Internet

GIT = "git.example-corp.com"


@stage(None)
def healthy_with_a_local_proxy(lab: Internet) -> None:
    """A caching proxy on this machine, without TLS, before everything else."""
    lab.local = Site(ModuleProxy(lab.world.root, lab.folder / "database", lab.database.name))
    lab.machine.environ["GOPROXY"] = f"http://127.0.0.1:{PLAIN_PORT},direct"


@stage(None)
def healthy_with_a_folder(lab: Internet) -> None:
    """GOPROXY is a folder of modules, then a mirror."""
    lab.machine.settings["GOPROXY"] = f"file://{lab.world.root},https://goproxy.cn"


@stage(None)
def healthy_with_off_at_the_end(lab: Internet) -> None:
    """Nothing is fetched past the mirror, on purpose."""
    lab.machine.settings["GOPROXY"] = "https://goproxy.cn,off"


@stage(None)
def healthy_with_redirects(lab: Internet) -> None:
    """The mirror sends zips from another host, as those with an object store do."""

    async def redirect(request: Request) -> Reply:
        if request.path.endswith(".zip"):
            target = f"https://second.example.net{request.path}"
            return Reply(b"", 302, headers=(("Location", target),))
        return await lab.proxies["mirror.example.net"](request)

    lab.web.sites["mirror.example.net"].app = redirect
    lab.machine.settings["GOPROXY"] = "https://mirror.example.net,direct"


@stage(None)
def healthy_around_a_proxy(lab: Internet) -> None:
    """An HTTP proxy is set that forbids everything, and NO_PROXY leads around it."""
    lab.tunnel = Tunnel.FORBIDS
    lab.machine.environ |= {
        "HTTPS_PROXY": f"http://{CORPORATE_PROXY}:3128",
        "NO_PROXY": "localhost,.cn,*.golang.org,golang.org",
    }
    lab.machine.settings["GOPROXY"] = CHINA


@stage(None, modules=(f"{PRIVATE}@v1.0.0",))
def healthy_with_direct_alone(lab: Internet) -> None:
    """A private module, straight from its repository."""
    lab.machine.settings |= {"GOPROXY": "direct", "GOPRIVATE": GIT}
    lab.machine.home.mkdir()
    netrc = lab.machine.home / ".netrc"
    netrc.write_text(f"machine {GIT} login me password secret\n", encoding="utf-8")
    netrc.chmod(0o600)


@stage(None)
def healthy_with_a_vendor_folder(lab: Internet) -> None:
    """The project vendors, and its vendor folder fits."""
    work = lab.machine.work
    (work / "vendor" / "example.com" / "tool").mkdir(parents=True)
    (work / "go.mod").write_text(
        "module example.org/app\n\ngo 1.21\n\nrequire example.com/tool v1.1.0\n", encoding="utf-8"
    )
    record = lab.world.modules["example.com/tool", "v1.1.0"].record.decode()
    (work / "go.sum").write_text(record, encoding="utf-8")
    (work / "vendor" / "modules.txt").write_text(
        "# example.com/tool v1.1.0\n## explicit; go 1.21\nexample.com/tool\n", encoding="utf-8"
    )
    (work / "vendor" / "example.com" / "tool" / "tool.go").write_text("package tool\n", encoding="utf-8")
    (work / "main.go").write_text(
        'package main\n\nimport _ "example.com/tool"\n\nfunc main() {}\n', encoding="utf-8"
    )


@stage(None)
def healthy_in_a_workspace(lab: Internet) -> None:
    """Two modules in one go.work."""
    for name in ("first", "second"):
        folder = lab.machine.work / name
        folder.mkdir(parents=True)
        (folder / "go.mod").write_text(f"module example.org/{name}\n\ngo 1.21\n", encoding="utf-8")
    (lab.machine.work / "go.work").write_text(
        "go 1.21\n\nuse (\n\t./first\n\t./second\n)\n", encoding="utf-8"
    )


@stage(None)
def healthy_without_git(lab: Internet) -> None:
    """No git is installed, as in small containers; mirrors have everything."""
    lab.machine.settings["GOPROXY"] = CHINA
    folder = lab.folder / "bin"
    folder.mkdir()
    go = shutil.which("go")
    assert go is not None
    (folder / "go").symlink_to(go)
    lab.machine.environ["PATH"] = str(folder)


@stage(None)
def healthy_with_a_mirror_without_extras(lab: Internet) -> None:
    """It carries neither the checksum database nor toolchains; go asks others for them, and gets them."""
    lab.proxies["mirror.example.net"].database = None
    lab.proxies["mirror.example.net"].faults = [("/golang.org/toolchain/*", Reply(b"not found\n", 404))]
    lab.machine.settings["GOPROXY"] = "https://mirror.example.net,direct"


@stage(None)
def healthy_with_another_language(lab: Internet) -> None:
    """The system speaks Chinese."""
    lab.machine.environ |= {"LANG": "zh_CN.UTF-8", "LC_ALL": "zh_CN.UTF-8"}
