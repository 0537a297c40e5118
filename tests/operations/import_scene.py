"""A world of modules, a signed checksum database beside it, and folders as other programs leave them."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from modgate.config import load
from modgate.model.operations import Failure, Item, Summary
from modgate.wiring.operations import operate
from tests.support.modules import BuiltModule, World, escape, zip_h1
from tests.support.static_sumdb import StaticDatabase, filler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modgate.config import Config

__all__ = ["LAYOUTS", "Ran", "Scene", "athens", "damages", "goproxy", "modcache"]

HOSTS = ("example.test/Upper", "example.test/leaf", "example.test/deep/er", "other.test/Big/Name/v2")


@dataclass(slots=True)
class Ran:
    """How an operation went."""

    summary: Summary | None = None
    failure: Failure | None = None
    items: list[Item] = field(default_factory=list)

    @property
    def facts(self) -> dict[str, Any]:
        assert self.summary is not None, self.failure
        return self.summary.facts

    def refused(self) -> dict[str, str]:
        """What did not come in, with the reason."""
        return {item.subject: item.facts["reason"] for item in self.items if "reason" in item.facts}


class Scene:
    """`count` versions of some modules, and a checksum database that knows them."""

    def __init__(self, folder: Path, count: int = 30, *, padding: int = 0) -> None:
        self.folder = folder
        self.world = World(folder / "made")
        for number in range(count):
            path = HOSTS[number % len(HOSTS)]
            version = f"v{2 if path.endswith('/v2') else 1}.{number}.0"
            if number % 7 == 3:
                version += "-rc.1"
            self.world.add(path, version, padding=padding)
        self.world.finish()
        self.seal()

    def seal(self) -> None:
        """Let the database know what the world has."""
        self.database = StaticDatabase(self.folder / "db", filler(40) | self.world.records())

    @property
    def built(self) -> list[BuiltModule]:
        return list(self.world.modules.values())

    def config(self, store: str = "store", **values: object) -> Config:
        """Of a gate that can ask the database and nobody else."""
        flags: dict[str, object] = {
            "store": str(self.folder / store),
            "upstream": "off",
            "sumdb": self.database.spec((self.folder / "db").as_uri()),
            "vcs.enabled": "false",
        }
        flags |= {name.replace("__", "."): value for name, value in values.items()}
        environ = {"HOME": str(self.folder)}
        given = {name: (value, "test") for name, value in flags.items()}
        return load(given, environ=environ, ask_go=lambda environ: {}).config  # noqa: ARG005  no go

    async def run(self, name: str, config: Config | None = None, **params: Any) -> Ran:
        """Run an operation on the scene's store, in this process."""
        ran = Ran()
        async for event in operate(config or self.config(), name, params):
            match event:
                case Item():
                    ran.items.append(event)
                case Summary():
                    ran.summary = event
                case Failure():
                    ran.failure = event
        return ran

    async def take(self, folder: Path, config: Config | None = None, **params: Any) -> Ran:
        """Import a folder."""
        return await self.run("import", config, folder=str(folder), **params)

    def stored(self, store: str = "store") -> set[str]:
        """The module files of the store."""
        root = self.folder / store
        return {
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_file() and path.suffix in {".info", ".mod", ".zip"} and ".modgate" not in path.parts
        }


def goproxy(scene: Scene, folder: Path) -> Callable[[BuiltModule, str], Path]:
    """What goproxy's disk cacher keeps; returns where an object lies."""
    shutil.copytree(scene.world.root, folder)
    (folder / "sumdb" / "sum.example.test").mkdir(parents=True)
    (folder / "sumdb" / "sum.example.test" / "latest").write_text("not a head\n")
    (folder / escape(HOSTS[0]) / "@v" / ".v9.9.9.zip.tmp123").write_bytes(b"half of it")
    (folder / escape(HOSTS[0]) / "@v" / "main.info").write_bytes(scene.built[0].info)
    return lambda built, kind: folder / built.url(kind).lstrip("/")


def modcache(scene: Scene, folder: Path) -> Callable[[BuiltModule, str], Path]:
    """What go leaves in GOMODCACHE: downloads with locks and `.ziphash`, and unpacked modules."""
    place = goproxy(scene, folder / "cache" / "download")
    for built in scene.built:
        place(built, "zip").with_suffix(".ziphash").write_text(built.h1)
        place(built, "zip").with_suffix(".lock").touch()
    (folder / "cache" / "lock").touch()
    (folder / "cache" / "vcs").mkdir()
    (folder / f"example.test/leaf@{scene.built[1].version}").mkdir(parents=True)
    return place


def athens(scene: Scene, folder: Path) -> Callable[[BuiltModule, str], Path]:
    """Athens' disk storage: a folder for each version, capitals as they are."""

    def place(built: BuiltModule, kind: str) -> Path:
        names = {"info": f"{built.version}.info", "mod": "go.mod", "zip": "source.zip"}
        return folder / built.path / built.version / names[kind]

    for built in scene.built:
        place(built, "mod").parent.mkdir(parents=True)
        for kind in ("info", "mod", "zip"):
            place(built, kind).write_bytes(built.bytes_of(kind))
    return place


LAYOUTS: Mapping[str, Callable[[Scene, Path], Callable[[BuiltModule, str], Path]]] = {
    "modcache": modcache,
    "athens": athens,
    "goproxy": goproxy,
}


def _cut_zip(_scene: Scene, _built: BuiltModule, place: Callable[[str], Path]) -> None:
    place("zip").write_bytes(place("zip").read_bytes()[:-40])


def _flipped_byte(_scene: Scene, built: BuiltModule, place: Callable[[str], Path]) -> None:
    """One that every zip program takes: the content differs, its CRC is right."""
    place("zip").write_bytes(rezipped(built, lambda name, data: (name, data.replace(b"Version", b"Versjon"))))


def _wrong_mod(_scene: Scene, _built: BuiltModule, place: Callable[[str], Path]) -> None:
    with place("mod").open("ab") as file:
        file.write(b"\nrequire evil.test/x v1.0.0\n")


def _info_of_another(scene: Scene, built: BuiltModule, place: Callable[[str], Path]) -> None:
    other = next(each for each in scene.built if each.version != built.version)
    document = json.loads(built.info) | {"Version": other.version}
    place("info").write_text(json.dumps(document))


def _case_fold(_scene: Scene, built: BuiltModule, place: Callable[[str], Path]) -> None:
    place("zip").write_bytes(rezipped(built, more={"LEAF.go": b"package x\n", "leaf.GO": b"package x\n"}))


def _zip_slip(_scene: Scene, built: BuiltModule, place: Callable[[str], Path]) -> None:
    place("zip").write_bytes(rezipped(built, more={"../../../../evil.go": b"package x\n"}))


def _foreign_link(scene: Scene, built: BuiltModule, place: Callable[[str], Path]) -> None:
    """The right bytes, but elsewhere: what a link shows is not the folder's."""
    outside = scene.folder / "outside.zip"
    outside.write_bytes(built.zip)
    place("zip").unlink()
    place("zip").symlink_to(outside)


def damages(layout: str) -> list[Callable[[Scene, BuiltModule, Callable[[str], Path]], None]]:
    """Five ways in which a version is wrong."""
    last = {"modcache": _case_fold, "athens": _zip_slip, "goproxy": _foreign_link}[layout]
    return [_cut_zip, _flipped_byte, _wrong_mod, _info_of_another, last]


def rezipped(
    built: BuiltModule,
    change: Callable[[str, bytes], tuple[str, bytes]] = lambda name, data: (name, data),
    *,
    more: Mapping[str, bytes] | None = None,
    same: bool = False,
) -> bytes:
    """The zip of a version with other content, or the `same` with another compression."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(built.zip)) as old, zipfile.ZipFile(made, "w") as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
        for name, data in (more or {}).items():
            new.writestr(f"{built.path}@{built.version}/{name}", data)
    assert (zip_h1(made.getvalue()) == built.h1) == same
    assert made.getvalue() != built.zip
    return made.getvalue()
