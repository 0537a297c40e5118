"""Small module worlds in the GOPROXY file layout: what a test's upstream serves.

The oracle stands on its own feet: escaping, zips and h1 are written here once more instead of taken
from `modgate.gomod`, so that a mistake there cannot agree with itself.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["BuiltModule", "World", "escape", "go_mod_h1", "make_zip", "noise", "zip_h1"]

FIXED_TIME = "2024-05-06T07:08:09Z"
ZIP_TIME = (1980, 1, 1, 0, 0, 0)


def escape(text: str) -> str:
    """`!` + lower case for each upper-case letter, as in URLs and file names of the protocol."""
    return re.sub(r"[A-Z]", lambda found: "!" + found[0].lower(), text)


def _hash1(files: Mapping[str, bytes]) -> str:
    lines = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "h1:" + base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()


def go_mod_h1(text: bytes) -> str:
    """The `/go.mod` sum of go.sum."""
    return _hash1({"go.mod": text})


def zip_h1(data: bytes) -> str:
    """The h1 of a module zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return _hash1({name: archive.read(name) for name in archive.namelist()})


def make_zip(files: Mapping[str, bytes], *, store: bool = False) -> bytes:
    """A zip with full entry names; stored instead of deflated where its size must be known."""
    buffer = io.BytesIO()
    method = zipfile.ZIP_STORED if store else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, ZIP_TIME), data, compress_type=method)
    return buffer.getvalue()


def noise(seed: str, size: int) -> bytes:
    """Bytes that no compression shortens, the same for the same seed."""
    return hashlib.shake_256(seed.encode()).digest(size)


@dataclass(frozen=True, slots=True)
class BuiltModule:
    """One version as it stands in the folder, with the sums a checksum database would hold."""

    path: str
    version: str
    info: bytes
    mod: bytes
    zip: bytes

    @property
    def h1(self) -> str:
        return zip_h1(self.zip)

    @property
    def mod_h1(self) -> str:
        return go_mod_h1(self.mod)

    @property
    def record(self) -> bytes:
        """The text of the checksum database's record, which is also the two lines of go.sum."""
        subject = f"{self.path} {self.version}"
        return f"{subject} {self.h1}\n{subject}/go.mod {self.mod_h1}\n".encode()

    def url(self, kind: str) -> str:
        """`/<escaped path>/@v/<escaped version>.<kind>`."""
        return f"/{escape(self.path)}/@v/{escape(self.version)}.{kind}"

    def bytes_of(self, kind: str) -> bytes:
        return {"info": self.info, "mod": self.mod, "zip": self.zip}[kind]


def _release_key(version: str) -> tuple[int, int, int]:
    found = re.match(r"v(\d+)\.(\d+)\.(\d+)", version)
    assert found is not None, version
    return int(found[1]), int(found[2]), int(found[3])


def _is_pseudo(version: str) -> bool:
    return re.search(r"\d{14}-[0-9a-f]{12}", version) is not None


@dataclass(slots=True)
class World:
    """A folder that an upstream serves; `add` versions, then `finish` writes the lists."""

    root: Path
    modules: dict[tuple[str, str], BuiltModule] = field(default_factory=dict)

    def add(
        self,
        path: str,
        version: str = "v1.0.0",
        *,
        requires: Mapping[str, str] | None = None,
        retract: Sequence[str] = (),
        go: str = "1.21",
        files: Mapping[str, bytes] | None = None,
        go_mod: bytes | None = None,
        package: str | None = None,
        main: bool = False,
        padding: int = 0,
        time: str = FIXED_TIME,
        origin: Mapping[str, str] | None = None,
    ) -> BuiltModule:
        """Build and write one version: a package that imports what it requires, `padding` noise bytes."""
        requires = requires or {}
        if go_mod is None:
            go_mod = _go_mod(path, requires, retract, go)
        name = package or re.sub(r"\W", "", re.sub(r"/v\d+$", "", path).rsplit("/", 1)[-1])
        content: dict[str, bytes] = {"go.mod": go_mod}
        if files is None:
            imports = "".join(f'import _ "{dep}"\n' for dep in requires)
            body = (
                f'package main\n\n{imports}\nfunc main() {{ println("{path}@{version}") }}\n'
                if main
                else f'package {name}\n\n{imports}\nconst Version = "{path}@{version}"\n'
            )
            content[f"{name}.go"] = body.encode()
        else:
            content.update(files)
        if padding:
            content["padding.bin"] = noise(f"{path}@{version}", padding)
        named = {f"{path}@{version}/{key}": value for key, value in content.items()}
        facts: dict[str, object] = {"Version": version, "Time": time}
        if origin:
            facts["Origin"] = dict(origin)
        built = BuiltModule(
            path, version, json.dumps(facts).encode(), go_mod, make_zip(named, store=padding > 0)
        )
        return self.put(built)

    def put(self, built: BuiltModule) -> BuiltModule:
        """Write a version whose bytes the test made itself."""
        for kind in ("info", "mod", "zip"):
            self.write(built.url(kind), built.bytes_of(kind))
        self.modules[built.path, built.version] = built
        return built

    def query(self, path: str, query: str, version: str) -> None:
        """Let `@v/<query>.info` (a branch, a commit, a prefix) mean a version that was added."""
        self.write(f"/{escape(path)}/@v/{escape(query)}.info", self.modules[path, version].info)

    def write(self, url: str, data: bytes) -> Path:
        """Put bytes where a request for `url` finds them."""
        target = self.root / url.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def finish(self) -> World:
        """Write `list` (tagged versions) and `@latest` of every module."""
        by_path: dict[str, list[str]] = {}
        for path, version in self.modules:
            by_path.setdefault(path, []).append(version)
        for path, versions in by_path.items():
            self.write(f"/{escape(path)}/@v/list", self.list_of(path))
            releases = [v for v in versions if "-" not in v]
            tagged = [v for v in versions if not _is_pseudo(v)]
            newest = max(releases or tagged or versions, key=_release_key)
            self.write(f"/{escape(path)}/@latest", self.modules[path, newest].info)
        return self

    def list_of(self, path: str) -> bytes:
        """The bytes of `list`: tagged versions, ordered, one a line."""
        tagged = [v for p, v in self.modules if p == path and not _is_pseudo(v)]
        return "".join(f"{v}\n" for v in sorted(tagged, key=_release_key)).encode()

    def records(self) -> dict[tuple[str, str], bytes]:
        """What a checksum database holds for this world: (path, version) to its record's text."""
        return {key: built.record for key, built in self.modules.items()}


def _go_mod(path: str, requires: Mapping[str, str], retract: Sequence[str], go: str) -> bytes:
    lines = [f"module {path}", "", f"go {go}"]
    if requires:
        lines += ["", "require ("]
        lines += [f"\t{dep} {version}" for dep, version in requires.items()]
        lines += [")"]
    lines += [f"\nretract {item}" for item in retract]
    return ("\n".join(lines) + "\n").encode()
