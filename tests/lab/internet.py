"""The laboratory as a whole: a healthy Internet, and one computer on it. A stage then bends what it wants."""

from __future__ import annotations

import asyncio
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import dns_server, http2, namespace, tunnels
from tests.lab.apps import ModuleProxy, doh, page, repository_host
from tests.lab.authority import Authorities
from tests.lab.names import CORPORATE_PROXY, HOSTS, RESOLVERS, SYSTEM_RESOLVER
from tests.lab.web import Site, WebServer
from tests.support.modules import World
from tests.support.static_sumdb import StaticDatabase, filler

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable

__all__ = ["PLAIN_PORT", "PRIVATE", "STAND_IN", "TLS_PORT", "Internet", "Machine"]

PLAIN_PORT = 8080
TLS_PORT = 8443

STAND_IN = "rsc.io/quote"
PRIVATE = "git.example-corp.com/team/lib"
TOOLCHAIN = "v0.0.1-go1.27.0.linux-amd64"
_PROXIES = ("proxy.golang.org", "goproxy.cn", "goproxy.io", "mirror.example.net", "second.example.net")


@dataclass(slots=True)
class Machine:
    """The computer on which doctor runs.

    Attributes:
        home: Its home folder.
        work: The folder of the shell.
        environ: Variables besides the few that every shell has.
        settings: Lines of the GOENV file, by variable.
        hosts: Lines of /etc/hosts.
        nameservers: Of /etc/resolv.conf.
        system_gosumdb: GOSUMDB as GOROOT/go.env has it.
        goenv: The GOENV file byte by byte, in place of `settings`.
    """

    home: Path
    work: Path
    environ: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    hosts: list[str] = field(default_factory=list)
    nameservers: list[str] = field(default_factory=lambda: [SYSTEM_RESOLVER])
    system_gosumdb: str = ""
    goenv: bytes = b""


class Internet:
    """Everything outside, and the machine; `start` builds it in the namespace of this process.

    Attributes:
        zone: What is true: name -> addresses.
        resolvers: By address; a stage may make one lie, or remove it.
        web: The web servers; `web.sites[name]` is what a name answers.
        proxies: The module proxies by name, to give them faults.
        git: The private repositories' host.
        silent: Addresses that nobody has (a blocked host).
        tunnel: What the corporate HTTP proxy does; None for nothing there.
        ipv6: The machine believes to have IPv6.
        local: What answers on 127.0.0.1, without and with TLS; None for nothing.
        more: Started after everything else.
    """

    def __init__(self, folder: Path, now: dt.datetime) -> None:
        self.folder = folder
        self.zone = dict(HOSTS)
        self.resolvers = {address: dns_server.Resolver(self.zone) for address in RESOLVERS}
        self.authorities = Authorities(folder / "certificates", now)
        self.web = WebServer(self.authorities, speak_h2=http2.speak)
        self.silent: set[str] = set()
        self.unreachable: set[str] = set()
        self.tunnel: tunnels.Tunnel | None = None
        self.ipv6 = False
        self.local: Site | None = None
        self.more: list[Callable[[], Awaitable[None]]] = []
        self.machine = Machine(folder / "home", folder / "work")
        self.world = _world(folder / "modules")
        self.database = StaticDatabase(
            folder / "database", {**self.world.records(), **filler(20)}, name="sum.golang.org"
        )
        self.machine.system_gosumdb = self.database.key
        self.proxies = {
            name: ModuleProxy(self.world.root, folder / "database", self.database.name) for name in _PROXIES
        }
        self.git = repository_host(_repositories(folder / "git"), "git.example-corp.com")
        self._publish()

    def _publish(self) -> None:
        database = ModuleProxy(self.folder / "database", None, "")
        special: dict[str, Site] = {
            **{name: Site(app) for name, app in self.proxies.items()},
            "sum.golang.org": Site(database),
            "sum.golang.google.cn": Site(database),
            "git.example-corp.com": Site(self.git),
        }
        for address, names in (
            ("223.5.5.5", ("dns.alidns.com",)),
            ("8.8.8.8", ("dns.google",)),
            ("1.1.1.1", ("cloudflare-dns.com", "one.one.one.one")),
        ):
            for name in names:
                special[name] = Site(doh(self.resolvers[address]))
        for name in HOSTS:
            self.web.sites[name] = special.get(name) or Site(page())

    async def start(self) -> None:
        """Bring up the network, the servers and the machine's files."""
        places: dict[str, list[str]] = {}
        for name in self.web.sites:
            for address in self.zone.get(name, ()):
                places.setdefault(address, []).append(name)
        resolvers = {
            address: found for address, found in self.resolvers.items() if address not in self.silent
        }
        public = {*places, *resolvers, CORPORATE_PROXY} - self.silent - self.unreachable
        namespace.configure(sorted(public), ipv6=self.ipv6, unreachable=self.unreachable)
        for address, resolver in resolvers.items():
            await dns_server.listen(address, resolver)
        for address in sorted(set(places) & public):
            self.web.listen(address, places[address])
        if self.local is not None:
            self.web.sites["127.0.0.1"] = self.local
            self.web.listen_at("127.0.0.1", PLAIN_PORT, ["127.0.0.1"], tls=False)
            self.web.listen_at("127.0.0.1", TLS_PORT, ["127.0.0.1"], tls=True)
        if self.tunnel is not None:
            await tunnels.listen(CORPORATE_PROXY, 3128, self.tunnel)
        for begin in self.more:
            await begin()
        self._mount()

    def _mount(self) -> None:
        machine, mounts = self.machine, self.folder / "mounts"
        mounts.mkdir()
        names = "".join(f"nameserver {server}\n" for server in machine.nameservers)
        namespace.mount_file(
            Path("/etc/resolv.conf"), f"{names}options timeout:1 attempts:1\n".encode(), mounts
        )
        lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost", *machine.hosts]
        namespace.mount_file(Path("/etc/hosts"), ("\n".join(lines) + "\n").encode(), mounts)
        bundle = self.authorities.bundle
        trusted = {"ca-certificates.crt": bundle.read_bytes()} if bundle.exists() else {}
        namespace.mount_folder(Path("/etc/ssl/certs"), trusted, mounts)
        goroot = Path(_output("go", "env", "GOROOT"))
        namespace.mount_file(
            goroot / "go.env",
            "GOPROXY=https://proxy.golang.org,direct\n"
            f"GOSUMDB={machine.system_gosumdb}\nGOTOOLCHAIN=auto\n".encode(),
            mounts,
        )
        (machine.home / ".config" / "go").mkdir(parents=True)
        machine.work.mkdir(exist_ok=True)
        text = "".join(f"{name}={value}\n" for name, value in machine.settings.items())
        if machine.goenv or text:
            (machine.home / ".config" / "go" / "env").write_bytes(machine.goenv or text.encode())

    async def run(self, *argv: str, limit: float) -> tuple[int | None, bytes, bytes]:
        """Run a program on the machine: exit status (None where it had to be ended), stdout, stderr."""
        machine = self.machine
        environ = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(machine.home),
            "LANG": "C.UTF-8",
            "SHELL": "/bin/bash",
            "TERM": "dumb",
            "USER": "developer",
        }
        environ["PATH"] = f"{Path(_output('go', 'env', 'GOROOT')) / 'bin'}:{environ['PATH']}"
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environ | machine.environ,
            cwd=machine.work,
        )
        talk = asyncio.ensure_future(process.communicate())
        done, _ = await asyncio.wait({talk}, timeout=limit)
        if not done:
            process.kill()
        out, err = await talk
        return (process.returncode if done else None), out, err


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def _world(root: Path) -> World:
    world = World(root)
    world.add("golang.org/x/text", "v0.14.0", padding=1_000_000)
    world.add("golang.org/x/text", "v0.21.0")
    world.add("rsc.io/sampler", "v1.3.0", requires={"golang.org/x/text": "v0.14.0"})
    for version in ("v1.5.1", "v1.5.2", "v1.5.3"):
        world.add(STAND_IN, version, requires={"rsc.io/sampler": "v1.3.0"}, padding=40_000)
    for version in ("v1.2.3", "v1.2.4"):
        world.add("example.test/mod", version, padding=2000)
    for version in ("v1.0.0", "v1.1.0"):
        world.add("example.com/tool", version, padding=4000)
    for system in ("linux-amd64", "linux-arm64"):
        version = TOOLCHAIN.replace("linux-amd64", system)
        world.add(
            "golang.org/toolchain",
            version,
            files={"bin/go": b"#!/bin/sh\n"},
            go_mod=b"module golang.org/toolchain\n",
        )
    return world.finish()


def _repositories(root: Path) -> Path:
    """`team/lib.git` with v1.0.0, ready for git's dumb protocol."""
    source = root / "source"
    source.mkdir(parents=True)
    (source / "go.mod").write_text(f"module {PRIVATE}\n\ngo 1.21\n", encoding="utf-8")
    (source / "lib.go").write_text("package lib\n", encoding="utf-8")
    bare = root / "team" / "lib.git"

    def git(*words: str) -> None:
        subprocess.run(
            [
                "git",
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@example.com",
                "-c",
                "init.defaultBranch=main",
                *words,
            ],
            check=True,
            capture_output=True,
            cwd=source,
        )

    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    git("tag", "v1.0.0")
    git("clone", "-q", "--bare", str(source), str(bare))
    subprocess.run(["git", "update-server-info"], check=True, cwd=bare)
    return root
