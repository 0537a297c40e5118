"""A git repository of 10,000 commits and 500 tags: what each question costs, in time, bytes and requests.

`python -m bench.vcs` serves one on loopback and asks it through the real git and the guarded way out.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.git_http import GitServer
from tests.support.git_repos import long_history

from modgate.model import Context
from modgate.transport.egress import GuardedEgress
from modgate.vcs.git import GitRepository, GitSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable

CTX = Context()


async def _row(server: GitServer, name: str, work: Awaitable[Any]) -> Any:
    server.reset()
    begin = time.perf_counter()
    result = await work
    took = (time.perf_counter() - begin) * 1000
    print(f"{name:52} {took:9.2f} ms {server.sent:10,} bytes {len(server.requests):4} requests")
    return result


async def _files(repository: GitRepository, revision: str) -> int:
    async with repository.files(CTX, revision, "", limit=1 << 29) as entries:
        return sum(len(entry.open().read()) for entry in entries)


async def _run(folder: Path) -> None:
    begin = time.perf_counter()
    repo = long_history(folder / "root" / "long.git")
    print(f"made in {time.perf_counter() - begin:.1f} s: {folder}")
    old = repo.git("rev-parse", "HEAD~5000")
    older = repo.git("rev-parse", "HEAD~7000")
    egress = GuardedEgress()
    with GitServer(folder / "root") as server:
        repository = GitRepository(
            f"{server.url}/long.git",
            folder / "mirrors",
            GitSettings(),
            time.monotonic,
            egress=egress,
            insecure=True,
            internal=frozenset({server.netloc}),
        )
        await _row(server, "tags, cold (ls-remote)", repository.tags(CTX, "v"))
        await _row(server, "tags, warm", repository.tags(CTX, "v"))
        await _row(server, "stat of a tag, cold (depth 1)", repository.stat(CTX, "v1.0.400"))
        await _row(server, "stat of a tag, warm", repository.stat(CTX, "v1.0.400"))
        await _row(server, "stat of the next tag", repository.stat(CTX, "v1.0.401"))
        await _row(server, "go.mod of a tag", repository.read_file(CTX, "v1.0.400", "go.mod", limit=999))
        await _row(server, "files of a tag", _files(repository, "v1.0.400"))
        await _row(server, "stat of an old commit (history)", repository.stat(CTX, old[:12]))
        await _row(server, "go.mod of the old commit", repository.read_file(CTX, old, "go.mod", limit=999))
        await _row(server, "files of the old commit", _files(repository, old))
        await _row(server, "stat of another old commit", repository.stat(CTX, older[:12]))
        await _row(server, "most recent tag", repository.recent_tag(CTX, older, "", lambda _: True))
        await _row(server, "descends from", repository.descends_from(CTX, old, "v1.0.3"))
        repo.commit({"new.go": "package long\n"}, tags=["v1.1.0"])
        repo.save()
        await asyncio.sleep(1.1)
        await _row(server, "a tag pushed a moment ago", repository.stat(CTX, "v1.1.0"))
        many = [repository.stat(CTX, f"v1.0.{number}") for number in range(20)]
        await _row(server, "20 tags at a time", asyncio.gather(*many))
        await repository.close()
    await egress.close()


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="modgate-bench-") as folder:
        asyncio.run(_run(Path(folder)))


if __name__ == "__main__":
    main()
