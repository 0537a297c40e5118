"""The real go beside the prediction: each layer set in turn, and who decides where go asks and writes.

The layers are those that people stumble over: files with Windows line ends, quotes, a byte order mark, names
that stand twice, empty values. Routing is proved with three loopback proxies that count what they are asked:
two stand in the go.env of two GOROOTs, one in an OS variable, and the cache is looked for on disk.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.explain.changed import changed_variables
from modgate.client.explain.scratch import Scratch
from modgate.client.explain.seen import SeenHost
from modgate.client.faults.content import DRILL, DrillContent
from modgate.client.faults.kinds import parse_fault
from modgate.client.faults.server import FaultServer
from modgate.client.machine.goenv import read_go_settings
from modgate.client.machine.golayers import layered, parse_env_file
from modgate.client.machine.showing import safe
from modgate.errors import Absent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modgate.client.faults.server import Served
    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings

__all__ = ["Experiment", "Observation", "experiment_json", "run_experiment"]

_ASKED = (
    "GOPROXY",
    "GOSUMDB",
    "GOPRIVATE",
    "GONOPROXY",
    "GONOSUMDB",
    "GOFLAGS",
    "GOPATH",
    "GOMODCACHE",
    "GOVCS",
)
_A, _B, _C = "https://a.example", "https://b.example,direct", "https://c.example|direct"
_ROOT = b"GOPROXY=https://root.example,direct\nGOSUMDB=sum.golang.org\n"


@dataclass(frozen=True, slots=True)
class Observation:
    """One value: what was predicted and what go did.

    `case` names the layer, or the combination as `GOROOT=… GOPATH=…`; `what` the variable, or `asks` and
    `cache` of a download.
    """

    case: str
    what: str
    predicted: str
    observed: str

    @property
    def agrees(self) -> bool:
        """Whether go did what was predicted."""
        return self.predicted == self.observed


@dataclass(frozen=True, slots=True)
class Experiment:
    """Everything that was observed: layers, then combinations."""

    layers: tuple[Observation, ...]
    combinations: tuple[Observation, ...]
    runs: int

    @property
    def agrees(self) -> bool:
        """Whether go did everywhere what was predicted."""
        return all(one.agrees for one in (*self.layers, *self.combinations))


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    what: tuple[str, ...]
    variables: Mapping[str, str]
    goenv: bytes | None = None
    go_env: bytes = _ROOT


async def run_experiment(host: Host) -> Experiment:
    """Run it. Raises Absent without a go command, Unavailable where go or the scratch area fails."""
    go = host.which("go")
    if go is None:
        raise Absent("the experiment needs the go command, which is not on PATH")
    real = await read_go_settings(host)
    with tempfile.TemporaryDirectory(prefix="modgate-explain-", ignore_cleanup_errors=True) as folder:
        scratch = Scratch(Path(folder), str(go), real.goroot, host.environ)
        layers = [one for case in _cases() for one in await _layer(host, scratch, case)]
        layers += await _as_it_is(host, scratch, real)
        combinations = await _combinations(scratch)
        return Experiment(tuple(layers), tuple(combinations), scratch.runs)


def _cases() -> Iterator[_Case]:
    goenv = b"GOPROXY=" + _A.encode() + b"\n"
    yield _Case("go.env", ("GOPROXY", "GOSUMDB"), {})
    yield _Case("built-in", ("GOPROXY", "GOSUMDB", "GOMODCACHE"), {}, go_env=b"")
    yield _Case("GOENV > go.env", ("GOPROXY", "GOSUMDB"), {}, goenv)
    yield _Case("OS > GOENV > go.env", ("GOPROXY",), {"GOPROXY": _B}, goenv)
    yield _Case("OS empty", ("GOPROXY",), {"GOPROXY": ""}, goenv)
    yield _Case("GOENV: GOPROXY=", ("GOPROXY",), {}, b"GOPROXY=\n")
    yield _Case("GOENV=off", ("GOPROXY",), {"GOENV": "off"}, goenv)
    yield _Case(
        "GOENV: CRLF",
        ("GOPROXY", "GOPRIVATE"),
        {},
        b"GOPROXY=" + _A.encode() + b"\r\nGOPRIVATE=x.example\r\n",
    )
    yield _Case('GOENV: "…"', ("GOPROXY",), {}, b'GOPROXY="' + _A.encode() + b'"\n')
    yield _Case("GOENV: BOM", ("GOPROXY", "GOSUMDB"), {}, b"\xef\xbb\xbf" + goenv + b"GOSUMDB=off\n")
    yield _Case("GOENV: 2 ×", ("GOPROXY",), {}, goenv + b"GOPROXY=" + _C.encode() + b"\n")
    yield _Case("go.env: 2 ×", ("GOPROXY",), {}, go_env=_ROOT + b"GOPROXY=" + _C.encode() + b"\n")
    yield _Case("GOENV: export …", ("GOPROXY",), {}, b"export GOPROXY=" + _A.encode() + b"\n")
    yield _Case("GOPRIVATE", ("GOPRIVATE", "GONOPROXY", "GONOSUMDB"), {"GOPRIVATE": "*.corp.example"})
    yield _Case(
        "GOPRIVATE, GONOPROXY=none", ("GONOPROXY", "GONOSUMDB"), {"GOPRIVATE": "x", "GONOPROXY": "none"}
    )
    yield _Case("GOPATH=/p:/q", ("GOPATH", "GOMODCACHE"), {"GOPATH": "/p:/q"})
    yield _Case("GOENV: GOFLAGS", ("GOFLAGS",), {}, b"GOFLAGS=-mod=mod -modcacherw\n")


async def _layer(host: Host, scratch: Scratch, case: _Case) -> list[Observation]:
    number = scratch.runs
    environ = scratch.home(f"home{number}", case.goenv) | dict(case.variables)
    environ["GOROOT"] = scratch.goroot(f"root{number}", case.go_env)
    goenv = () if environ.get("GOENV") == "off" else parse_env_file(case.goenv or b"")
    predicted = layered(
        host.system,
        environ,
        ("GOENV", goenv),
        ("go.env", parse_env_file(case.go_env)),
        environ["GOROOT"],
        defaults={},
    )
    told = await scratch.go_env(environ, *case.what)
    return [
        Observation(
            case.name,
            name,
            _shown(scratch, predicted[name].value.text if name in predicted else ""),
            _shown(scratch, told.get(name, "")),
        )
        for name in case.what
    ]


async def _as_it_is(host: Host, scratch: Scratch, real: GoSettings) -> list[Observation]:
    """This machine's own variables, with a copy of its GOENV file."""
    data = host.read(host.path(real.goenv_file)) if real.goenv_file else None
    environ = {**host.environ, "GOTOOLCHAIN": "local"}
    if data is not None:
        copy = scratch.folder / "goenv-copy"
        copy.write_bytes(data)
        environ["GOENV"] = str(copy)
    seen = SeenHost(host, environ)
    settings = await read_go_settings(seen)
    scratch.runs += 1
    told = await scratch.go_env(environ, *_ASKED)
    changed = await scratch.go_env(environ, "-changed")
    ours = changed_variables(seen, settings, runs_on=seen.runs_on)
    found = [Observation("*", name, safe(settings[name]), safe(told.get(name, ""))) for name in _ASKED]
    # These two are set by this very run: the copy's path, and that no other toolchain is fetched for it.
    ignored = {"GOENV", "GOTOOLCHAIN"}
    words = [" ".join(sorted(set(names) - ignored)) for names in (ours, changed)]
    return [*found, Observation("*", "go env -changed", *words)]


async def _combinations(scratch: Scratch) -> list[Observation]:
    counts: dict[str, int] = {}
    async with AsyncExitStack() as stack:
        urls = {
            name: await stack.enter_async_context(_counting(name, counts))
            for name in ("GOROOT/1", "GOROOT/2", "OS")
        }
        bases = {name: await server.url(parse_fault("ok")) for name, server in urls.items()}
        roots = {
            name: scratch.goroot(
                f"combined{index}", f"GOPROXY={bases[f'GOROOT/{index}']}\nGOSUMDB=off\n".encode()
            )
            for index, name in ((1, "1"), (2, "2"))
        }
        found: list[Observation] = []
        for root, path, cache, proxy in itertools.product("12", (False, True), (False, True), (False, True)):
            counts.clear()
            found += await _download(
                scratch,
                root,
                roots[root],
                path=path,
                cache=cache,
                proxy=bases["OS"] if proxy else "",
                counts=counts,
            )
        return found


def _counting(name: str, counts: dict[str, int]) -> FaultServer:
    def seen(served: Served) -> None:
        if served.status:
            counts[name] = counts.get(name, 0) + 1

    return FaultServer(DrillContent(), clock=time.monotonic, seen=seen)


async def _download(
    scratch: Scratch,
    root: str,
    goroot: str,
    *,
    path: bool,
    cache: bool,
    proxy: str,
    counts: Mapping[str, int],
) -> list[Observation]:
    number = scratch.runs
    environ = scratch.home(f"home{number}") | {
        "GOROOT": goroot,
        "GOFLAGS": "-modcacherw",
        "NO_PROXY": "127.0.0.1",
    }
    home = Path(environ["HOME"])
    places = {
        "~/go/pkg/mod": home / "go/pkg/mod",
        "GOPATH/pkg/mod": home / "p/pkg/mod",
        "GOMODCACHE": home / "m",
    }
    environ |= {"GOPATH": str(home / "p")} if path else {}
    environ |= {"GOMODCACHE": str(home / "m")} if cache else {}
    environ |= {"GOPROXY": proxy} if proxy else {}
    await scratch.go(environ, "mod", "download", str(DRILL))
    written = scratch.cached([str(place) for place in places.values()])
    asked = " ".join(sorted(name for name, count in counts.items() if count)) or "-"
    kept = " ".join(name for name, place in places.items() if str(place) in written) or "-"
    case = f"{root} {'set' if path else '-'} {'set' if cache else '-'} {'set' if proxy else '-'}"
    expected = "GOMODCACHE" if cache else "GOPATH/pkg/mod" if path else "~/go/pkg/mod"
    return [
        Observation(case, "asks", "OS" if proxy else f"GOROOT/{root}", asked),
        Observation(case, "cache", expected, kept),
    ]


def experiment_json(experiment: Experiment) -> dict[str, object]:
    """What `modgate explain --experiment --json` prints, schema 1."""
    return {
        "schema": 1,
        "agrees": experiment.agrees,
        "runs": experiment.runs,
        "layers": [_row(one) for one in experiment.layers],
        "combinations": [_row(one) for one in experiment.combinations],
    }


def _row(one: Observation) -> dict[str, object]:
    return {
        "case": one.case,
        "what": one.what,
        "predicted": one.predicted,
        "observed": one.observed,
        "agrees": one.agrees,
    }


def _shown(scratch: Scratch, text: str) -> str:
    """Without the scratch area's name, line ends made visible."""
    return safe(text.replace(str(scratch.folder), "…").replace("\r", "␍"))
