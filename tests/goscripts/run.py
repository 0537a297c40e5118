"""Go's own module scripts, run through the gate, and what differs from running them without it.

    python -m tests.goscripts.run [--run REGEXP] [--short] [--relay] [--mended] [--keep FOLDER]

`cmd/go`'s script tests talk to a module proxy inside their own test process. Here that proxy runs as
a process of its own (the test binary's `-proxy` flag), and an overlay, made from the toolchain's own
sources at run time, lets an environment variable say what GOPROXY the scripts get, and answers "no"
when a script asks for a host outside. The scripts run twice, straight and through the gate. A
difference needs its argument in `argued.txt` (`name: why`); one without fails the run, and so does an
argument that no longer has its difference.
`--relay` puts nothing but a relay in between: it shows that the method itself changes nothing.
Many of the scripts' archives were written by hand: their zip carries another go.mod than the one that is
served, or none, which no source control could produce and the gate refuses. `--mended` lets the test proxy
build those zips with the served go.mod, so that the rest of these scripts is seen as well; what
differs then is argued in `argued_mended.txt`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.goscripts.front import Address, Front
from tests.support.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ARGUED", "ARGUED_MENDED", "MODULE_SCRIPTS", "Outcome", "Report", "compare", "read_argued"]

MODULE_SCRIPTS = "^mod_"
ARGUED = Path(__file__).with_name("argued.txt")
ARGUED_MENDED = Path(__file__).with_name("argued_mended.txt")
KEY = "localhost.localdev/sumdb+00000c67+AcTrnkbUA+TU4heY3hkjiSES/DSQniBqIeQ/YppAUtK6"
START = 'proxyURL = "http://" + *proxyAddr + "/mod"'
OTHER = START + '; if other := os.Getenv("MODGATE_SCRIPT_PROXY"); other != "" { proxyURL = other }'
# The archive as it is read: the served go.mod, word for word, in the place of the zip's own.
READ = "a, err := txtar.ParseFile(name)"
MENDED = (
    READ
    + """
		if err == nil {
			own := -1
			for i, f := range a.Files {
				if f.Name == "go.mod" {
					own = i
				}
			}
			for _, f := range a.Files {
				if f.Name != ".mod" || strings.HasSuffix(vers, "+incompatible") {
					continue
				}
				if own >= 0 {
					a.Files[own].Data = f.Data
				} else {
					a.Files = append(a.Files, txtar.File{Name: "go.mod", Data: f.Data})
				}
			}
		}"""
)
SEAMS = (
    ("proxy_test.go", START, OTHER),
    (
        "scriptconds_test.go",
        "if !testenv.HasExternalNetwork() {",
        'if host != "" || !testenv.HasExternalNetwork() {',
    ),
)
MENDING = ("proxy_test.go", READ, MENDED)


@dataclass(slots=True)
class Outcome:
    """One run of the scripts: name to PASS, FAIL or SKIP, and the text of those that failed."""

    results: dict[str, str]
    texts: dict[str, str]

    def named(self, verdict: str) -> set[str]:
        """The scripts with this verdict."""
        return {name for name, result in self.results.items() if result == verdict}


@dataclass(slots=True)
class Report:
    """The two runs side by side."""

    straight: Outcome
    gated: Outcome
    argued: dict[str, str] = field(default_factory=dict)

    @property
    def differing(self) -> set[str]:
        """Scripts that pass straight and do not pass through the gate."""
        return self.straight.named("PASS") - self.gated.named("PASS")

    @property
    def unargued(self) -> set[str]:
        """Differences without an argument."""
        return self.differing - self.argued.keys()

    @property
    def outdated(self) -> set[str]:
        """Arguments for scripts that pass."""
        return self.argued.keys() & self.gated.named("PASS")

    def lines(self) -> list[str]:
        """The figures."""
        passing = self.straight.named("PASS")
        found = [
            f"scripts: {len(self.straight.results)} ({len(self.straight.named('SKIP'))} skip)",
            f"pass without the gate: {len(passing)}",
            f"pass through the gate: {len(passing & self.gated.named('PASS'))}",
            f"differ: {len(self.differing)} (argued {len(self.differing & self.argued.keys())})",
        ]
        for name in sorted(self.differing):
            found.append(f"  {name}: {self.argued.get(name, 'NOT ARGUED')}")
        found += [f"  {name}: argued, but it passes" for name in sorted(self.outdated)]
        return found


def read_argued(path: Path = ARGUED) -> dict[str, str]:
    """`name: why`, one a line; `#` begins a comment."""
    pairs = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines())
    return {name.strip(): why.strip() for name, _, why in pairs if why and not name.startswith("#")}


def _goroot(go: str) -> Path:
    return Path(
        subprocess.run([go, "env", "GOROOT"], capture_output=True, text=True, check=True).stdout.strip()
    )


def _environment(folder: Path) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR", "LANG") if key in os.environ}
    return kept | {"GOCACHE": str(folder / "gocache"), "GOFLAGS": "", "GOENV": "off", "GOTELEMETRY": "off"}


def build(go: str, folder: Path, *, mended: bool = False) -> Path:
    """The test binary of cmd/go with its seams."""
    texts: dict[str, str] = {}
    home = _goroot(go) / "src/cmd/go"
    for name, seam, better in (*SEAMS, MENDING) if mended else SEAMS:
        text = texts.get(name) or (home / name).read_text(encoding="utf-8")
        assert text.count(seam) == 1, f"cmd/go's {name} has changed: find the new seam"
        texts[name] = text.replace(seam, better)
    replace = {}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        replace[str(home / name)] = str(folder / name)
    overlay = folder / "overlay.json"
    overlay.write_text(json.dumps({"Replace": replace}), encoding="utf-8")
    binary = folder / "cmdgo.test"
    command = [go, "test", "-c", "-overlay", str(overlay), "-o", str(binary), "cmd/go"]
    subprocess.run(command, check=True, env=_environment(folder), cwd=folder, timeout=600)
    return binary


@contextlib.contextmanager
def _test_proxy(binary: Path, where: Path, folder: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [str(binary), "-proxy=127.0.0.1:0"],
        cwd=where,
        env=_environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"GOPROXY=(\S+)", line):
                yield found[1]
                break
        else:
            raise RuntimeError("the test proxy did not come up")
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def _run(binary: Path, folder: Path, where: Path, pattern: str, proxy: str, *, short: bool) -> Outcome:
    command = [str(binary), "-test.v", f"-test.run=TestScript/{pattern}", "-test.timeout=20m"]
    command += ["-test.short"] if short else []
    with (folder / f"{'gated' if proxy else 'straight'}.log").open(
        "w+", encoding="utf-8", errors="replace"
    ) as log:
        environment = _environment(folder) | {"MODGATE_SCRIPT_PROXY": proxy}
        subprocess.run(command, cwd=where, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
        log.seek(0)
        return _parse(log.read())


def _parse(text: str) -> Outcome:
    results = {
        found[2]: found[1]
        for found in re.finditer(r"^ *--- (PASS|FAIL|SKIP): TestScript/(\w\S*)", text, re.MULTILINE)
    }
    texts: dict[str, str] = {}
    for piece in re.split(r"^=== (?=NAME|CONT|RUN|PAUSE)", text, flags=re.MULTILINE):
        head, _, body = piece.partition("\n")
        name = head.rpartition("TestScript/")[2].strip()
        if results.get(name) == "FAIL":
            texts[name] = texts.get(name, "") + body
    return Outcome(results, texts)


def _address(url: str) -> Address:
    parts = urllib.parse.urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


def compare(
    go: str,
    folder: Path,
    *,
    pattern: str = MODULE_SCRIPTS,
    short: bool = False,
    relay: bool = False,
    mended: bool = False,
) -> Report:
    """Run the scripts without and with the gate. `folder` takes the binary, the logs and the stores."""
    binary, where = build(go, folder, mended=mended), _goroot(go) / "src/cmd/go"
    straight = _run(binary, folder, where, pattern, "", short=short)
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(_test_proxy(binary, where, folder))

        def gate_for(prefix: str) -> Address:
            if relay:
                return _address(proxy)
            base = f"{proxy}/{prefix}" if prefix else proxy
            database = (
                f"{base}/sumdb/localhost.localdev/sumdb"
                if prefix.startswith("sumdb")
                else f"{proxy}/sumdb-direct"
            )
            gate = Gate(
                folder / f"gate-{prefix.replace('/', '-') or 'main'}",
                upstream=base,
                sumdb=f"{KEY} {database}",
                config={"prefix": f"/mod/{prefix}".rstrip("/"), "cache": {"mutable_ttl": 0, "absent_ttl": 0}},
            )
            stack.callback(gate.stop)
            return _address(gate.url)

        front = stack.enter_context(Front(_address(proxy), gate_for))
        stack.callback(front.shutdown)
        gated = _run(binary, folder, where, pattern, front.url, short=short)
        assert front.requests, "no script asked the gate anything"
    argued = {} if relay else read_argued(ARGUED_MENDED if mended else ARGUED)
    return Report(straight, gated, argued)


def main() -> int:
    """Print the figures; 1 where a difference has no argument."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", default=MODULE_SCRIPTS)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--relay", action="store_true")
    parser.add_argument("--mended", action="store_true")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="goscripts-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        report = compare(
            shutil.which("go") or "go",
            folder,
            pattern=options.run,
            short=options.short,
            relay=options.relay,
            mended=options.mended,
        )
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    for name in sorted(report.unargued):
        sys.stdout.write(f"--- {name}\n{report.gated.texts.get(name, '')[-3000:]}\n")
    sys.stdout.write("\n".join(report.lines()) + "\n")
    return 1 if report.unargued or report.outdated else 0


if __name__ == "__main__":
    raise SystemExit(main())
