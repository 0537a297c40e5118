"""The folder of a disk store is itself a module proxy: the real go command downloads from it."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from modgate.storage.disk import DiskStore
from tests.contract.blob_store import meta_of
from tests.support.modules import make_zip, zip_h1

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.go

PATH = "example.com/Upper/mod"
PREFIX = "example.com/!upper/mod/@v"


async def _fill(root: Path) -> None:
    store = await DiskStore.open(root, clock=time.time)
    mod = f"module {PATH}\n\ngo 1.21\n".encode()
    archive = make_zip(
        {
            f"{PATH}@v1.2.0/go.mod": mod,
            f"{PATH}@v1.2.0/mod.go": b"package mod\n\n// Answer is it.\nconst Answer = 42\n",
        }
    )
    info = b'{"Version":"v1.2.0","Time":"2024-05-06T07:08:09Z"}'
    await store.put(f"{PREFIX}/v1.2.0.info", info, meta_of(info))
    await store.put(f"{PREFIX}/v1.2.0.mod", mod, meta_of(mod))
    writer = await store.create(f"{PREFIX}/v1.2.0.zip")
    await writer.write(archive)
    await writer.commit(meta_of(archive, h1=zip_h1(archive)))
    await writer.aclose()
    await store.replace(f"{PREFIX}/list", b"v1.2.0\n", meta_of(b"v1.2.0\n"))
    await store.replace("example.com/!upper/mod/@latest", info, meta_of(info))
    await store.close()


async def test_go_builds_with_a_module_from_the_folder(tmp_path: Path, go_command: str) -> None:
    root = tmp_path / "store"
    await _fill(root)
    main = tmp_path / "main"
    main.mkdir()
    (main / "go.mod").write_text("module example.com/main\n\ngo 1.21\n")
    (main / "main.go").write_text(
        f'package main\n\nimport "{PATH}"\n\nfunc main() {{ println(mod.Answer) }}\n'
    )
    env = {
        **os.environ,
        "GOPROXY": root.as_uri(),
        "GONOSUMDB": "*",
        "GOFLAGS": "-mod=mod -modcacherw",
        "GOMODCACHE": str(tmp_path / "modcache"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }

    def go(*arguments: str) -> str:
        done = subprocess.run(
            [go_command, *arguments], cwd=main, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert go("list", "-m", "-versions", PATH) == f"{PATH} v1.2.0\n"
    go("get", f"{PATH}@latest")
    go("mod", "download", f"{PATH}@v1.2.0")
    go("vet", "./...")
    cached = tmp_path / "modcache/cache/download" / PREFIX
    # What go computes for the zip is what stands beside ours: the folder could be a module cache.
    assert (cached / "v1.2.0.ziphash").read_bytes() == (root / PREFIX / "v1.2.0.ziphash").read_bytes()
