"""How much of a repository is fetched, and when: as little as answers the question.

1. `ls-remote` answers lists of tags, and which commit a tag, branch or tip is.
   Nothing else is fetched for it.
2. A tag's or branch's commit is fetched by that name with depth 1, as the go command does, into
   `trees.git`. Git names the commits it has, so only what differs from those travels.
3. History is fetched when it is asked for (a commit that is no tip, ancestors of a commit): all heads
   and tags with `--filter=tree:0`, which is commits and tags alone, into `history.git`. Once history
   proves that a hash belongs to the repository, that one commit is fetched into `trees.git` as in
   2, by its hash. Hashes that no history contains are never asked for: hosts would hand out
   commits of proposed changes for them as well (codehost/git.go, stat).
4. A server that knows no filter sends everything in 3 (and git says so); one that gives no single
   commits makes us fetch everything, too. Then `history.git` is whole and files are read from it.

Two repositories rather than one, because unshallowing a shallow clone under a filter mixes two of git's
rarely walked ways; apart, each does what it does well. Commits alone rather than `blob:none` with a
batch of blobs, because no question needs trees of other commits. Measured with git 2.39, in bytes from
the server: 10,000 commits over 52 small files with 500 tags are 3.03 MB whole, 2.68 MB as blob:none,
1.52 MB as commits alone, and then 3 to 6 kB for a further commit. In repositories of people messages and
trees are the smaller part: 384 commits over 700 files are 2.71 MB, 0.28 MB and 0.09 MB.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.errors import Absent, Unavailable
from modgate.vcs.git.environment import git_environment
from modgate.vcs.git.errors import Damaged, Failure, clean_lines
from modgate.vcs.git.program import RunLimit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    from modgate.vcs.git.mirror import Mirror
    from modgate.vcs.git.program import GitProgram, Ran
    from modgate.vcs.git.refs import Refs
    from modgate.vcs.git.remote import Remote
    from modgate.vcs.git.settings import GitSettings

__all__ = ["Fetching", "Moved"]

_FETCH = (
    "fetch",
    "-f",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-maintenance",
    "--recurse-submodules=no",
)
_ALL = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_WHOLE = "history.whole"
_MANY_PACKS = 40
_TOGETHER = 32


class Moved(Exception):
    """What a ref pointed to when it was listed is not what it points to now."""


class Fetching:
    """The mirror of one repository, filled on demand. Every method that writes takes the lock itself."""

    def __init__(self, mirror: Mirror, remote: Remote, program: GitProgram, settings: GitSettings) -> None:
        self.mirror = mirror
        self._remote = remote
        self._program = program
        self._settings = settings
        self.address = remote.address.shown
        self.unpacked = settings.unpacked
        self._kept: set[str] | None = None
        self._wanted: dict[str, str] = {}
        self._history_of: str | None = None
        self.generation = 0

    async def list_refs(self) -> bytes:
        """The lines of ls-remote. Raises Absent, and Unavailable."""
        listed = await self._remote.run(["ls-remote", "-q", "--end-of-options", "origin"])
        if isinstance(listed, Failure):
            raise listed.error()
        if not listed.strip() and self._remote.address.scheme in {"http", "https"}:
            await self._prove_empty()
        return listed

    async def _prove_empty(self) -> None:
        """Whether an empty list came from git: it takes any page, a login form's as well, for an empty list
        of the old protocol of plain files, and an outage must not look like a repository without tags.
        """
        packets = await self._remote.run(["ls-remote", "-q", "--end-of-options", "origin"], trace=True)
        if isinstance(packets, Failure):
            raise packets.error()
        if b"packet:" not in packets:
            raise Unavailable(
                "the host answered with something that is not git's protocol, perhaps a login page",
                where=self.address,
                next_step="open the address in a browser; if the repository is private, set a credential",
                kind="bad-answer",
            )

    async def local(
        self,
        repository: Path,
        *arguments: str,
        sink: BinaryIO | None = None,
        output: int = 64 << 20,
        fine: tuple[int, ...] = (0,),
    ) -> Ran:
        """Run git on the mirror, without a way to any network. Raises Damaged where it fails, Unavailable
        where it takes too long, and RunLimit above `output` bytes.
        """
        environment = git_environment(self._program.home, git_dir=repository)
        try:
            # A repository may make each of them costly, and its readers may ask for many at once.
            async with self._settings.runs:
                ran = await self._program.run(
                    arguments, environment, timeout=self._settings.timeout, sink=sink, output=output
                )
        except RunLimit as limit:
            if limit.bound == "output":
                raise
            raise Unavailable(
                f"git took longer than {self._settings.timeout:g} s over its own mirror and was ended",
                where=self.address,
                next_step="try again; vcs.timeout is the limit",
                kind="timeout",
            ) from limit
        if ran.status not in fine:
            raise Damaged(" | ".join(clean_lines(ran.stderr)))
        return ran

    async def kept(self) -> set[str]:
        """The commits whose files are in `trees.git`."""
        if self._kept is None:
            kept: set[str] = set()
            if self.mirror.trees.exists():
                ran = await self.local(
                    self.mirror.trees, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/kept"
                )
                kept = set(ran.output.decode("ascii", "replace").split())
            self._kept = kept
        return self._kept

    async def place(self, commit: str) -> Path | None:
        """The repository that has a commit with its files; None where it has to be fetched."""
        if commit in await self.kept():
            return self.mirror.trees
        if self._is_whole() and await self.commit(self.mirror.history, commit) is not None:
            return self.mirror.history
        return None

    async def commit(self, repository: Path, revision: str) -> str | None:
        """The commit that a hash or its beginning names in a repository of the mirror."""
        if not (repository / "HEAD").exists():
            return None
        ran = await self.local(
            repository,
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{revision}^{{commit}}",
            fine=(0, 1, 128),
        )
        return ran.output.decode("ascii", "replace").strip() or None if ran.status == 0 else None

    async def fetch_tree(self, commit: str, ref: str, *, sha256: bool) -> None:
        """Bring one commit with its files: by its ref's name where it has one, else by its hash.

        Commits that are wanted while another fetch is under way come together in the next. Raises Moved
        where the ref leads elsewhere meanwhile; Absent, Unavailable, Damaged.
        """
        if await self.place(commit) is not None:
            return
        self._wanted[commit] = commit if ref in {"", "HEAD"} else ref
        try:
            async with self.mirror.writing(self._settings.timeout) as lock:
                if await self.place(commit) is not None:
                    return
                await self._room()
                if await asyncio.to_thread(self.mirror.make, self.mirror.trees, sha256=sha256):
                    self._kept = set()
                own = (commit, self._wanted[commit])
                others = [want for want in self._wanted.items() if want != own][: _TOGETHER - 1]
                failed = await self._fetch_trees(lock, own, *others)
                if failed is not None and others:
                    # One of them may be what cannot be had.
                    failed = await self._fetch_trees(lock, own)
                if failed is None and commit in await self.kept():
                    return
                if failed is None or failed.meaning == "moved":
                    raise Moved
                if failed.bound or failed.meaning not in {"no-ref", "other"}:
                    raise self._judged(failed, self.mirror.trees)
                # "No matter what went wrong, fall back to a complete fetch" (codehost/git.go).
                await self._fetch_history(lock, "", sha256=sha256, whole=True)
        finally:
            self._wanted.pop(commit, None)
        if await self.commit(self.mirror.history, commit) is None:
            raise Moved

    async def _fetch_trees(self, lock: int, *wanted: tuple[str, str]) -> Failure | None:
        """Fetch commits from their sources, and keep those that are what they should be."""
        trees = self.mirror.trees
        refspecs = [f"+{source}:refs/kept/{commit}" for commit, source in wanted]
        failed = await self._fetch(trees, lock, ("--depth=1",), *refspecs)
        if failed is None:
            for commit, _ in wanted:
                if await self.commit(trees, f"refs/kept/{commit}") == commit:
                    (await self.kept()).add(commit)
                else:
                    await self.local(trees, "update-ref", "-d", f"refs/kept/{commit}")
            await self._check_kind(trees, wanted[0][0])
        return failed

    async def _check_kind(self, repository: Path, hash_: str) -> None:
        """Raise Absent where what came under a hash is no commit: a tag may lead to files or folders."""
        ran = await self.local(repository, "cat-file", "-t", hash_, fine=(0, 1, 128))
        kind = ran.output.decode("ascii", "replace").strip()
        if ran.status == 0 and kind in {"tree", "blob"}:
            raise Absent(f"what is tagged there is a {kind} and no commit", where=self.address)

    async def fetch_history(self, refs: Refs) -> None:
        """Bring the history of all heads and tags up to these refs. Raises Absent, Unavailable, Damaged."""
        if self.has_history(refs):
            return
        async with self.mirror.writing(self._settings.timeout) as lock:
            await self._room()
            await self._fetch_history(lock, refs.sum, sha256=refs.sha256, whole=self._is_whole())

    def has_history(self, refs: Refs) -> bool:
        """Whether the history of exactly these refs is here."""
        if self._history_of is None:
            self._history_of = self.mirror.read("history.of").decode("ascii", "replace")
        return self._history_of == refs.sum and (self.mirror.history / "HEAD").exists()

    async def _fetch_history(self, lock: int, state: str, *, sha256: bool, whole: bool) -> None:
        mirror = self.mirror
        if whole and not self._is_whole():
            # Commits without trees cannot be completed in place; they cost little to fetch again.
            await asyncio.to_thread(mirror.drop, mirror.history)
        self._history_of = ""
        await asyncio.to_thread(mirror.write, "history.of", b"")
        await asyncio.to_thread(mirror.make, mirror.history, sha256=sha256)
        options = ("--prune",) if whole else ("--prune", "--filter=tree:0")
        failed = await self._fetch(mirror.history, lock, options, *_ALL)
        if failed is not None and not whole and not failed.bound and failed.meaning in {"no-ref", "other"}:
            await self._fetch_history(lock, state, sha256=sha256, whole=True)
            return
        if failed is not None:
            raise self._judged(failed, mirror.history)
        if not whole and await self._has_trees():
            whole = True
        if whole:
            await asyncio.to_thread(mirror.write, _WHOLE, b"yes\n")
        self._history_of = state
        await asyncio.to_thread(mirror.write, "history.of", state.encode("ascii"))

    async def _has_trees(self) -> bool:
        """Whether the server sent files in spite of the filter."""
        history = self.mirror.history
        refs = await self.local(
            history, "for-each-ref", "--count=1", "--format=%(objectname)", "refs/heads", "refs/tags"
        )
        tip = refs.output.decode("ascii", "replace").strip()
        ran = await self.local(history, "cat-file", "-e", f"{tip}^{{tree}}", fine=(0, 1, 128))
        return bool(tip) and ran.status == 0

    def _is_whole(self) -> bool:
        return self.mirror.read(_WHOLE) != b"" and (self.mirror.history / "HEAD").exists()

    async def _fetch(
        self, repository: Path, lock: int, options: Sequence[str], *refspecs: str
    ) -> Failure | None:
        async def fine() -> bool:
            return await asyncio.to_thread(self.mirror.size) <= self._settings.max_repository

        began = any(self.mirror.packs(each) for each in (self.mirror.trees, self.mirror.history))
        arguments = [*_FETCH, *options, "--end-of-options", "origin", *refspecs]
        done = await self._remote.run(arguments, git_dir=repository, watch=fine, keep=lock)
        if not isinstance(done, Failure):
            if await fine():
                return None
            done = Failure(self._remote.address, "", bound="size", quota=self._settings.max_repository)
        if done.bound == "size":
            await self._drop()
            if began:
                # Perhaps it is what had gathered before, and not what was fetched now.
                raise Damaged("the mirror has outgrown its limit")
        return done

    def _judged(self, failed: Failure, repository: Path) -> Exception:
        if failed.bound == "" and failed.meaning == "damaged" and self.mirror.packs(repository):
            return Damaged(" | ".join(clean_lines(failed.stderr, failed.secret)))
        return failed.error()

    async def _room(self) -> None:
        """A mirror that has grown beyond its limit is begun anew."""
        if await asyncio.to_thread(self.mirror.size) > self._settings.max_repository:
            await self._drop()

    async def discard(self, generation: int) -> None:
        """Throw the mirror away, unless somebody did since `generation`."""
        async with self.mirror.writing(self._settings.timeout):
            if generation == self.generation:
                await self._drop()

    async def _drop(self) -> None:
        self._forget()
        await asyncio.to_thread(self.mirror.drop)
        for name in ("history.of", _WHOLE):
            (self.mirror.folder / name).unlink(missing_ok=True)

    def _forget(self) -> None:
        self.generation += 1
        self._kept = None
        self._history_of = None

    def wants_repack(self) -> bool:
        """Whether many small packs have come together."""
        return any(self.mirror.packs(each) > _MANY_PACKS for each in (self.mirror.trees, self.mirror.history))

    async def repack(self) -> None:
        """Many packs become one: each is looked into for each object."""
        async with self.mirror.writing(self._settings.timeout):
            for repository in (self.mirror.trees, self.mirror.history):
                if self.mirror.packs(repository) > _MANY_PACKS:
                    await self.local(repository, "pack-refs", "--all")
                    await self.local(repository, "repack", "-a", "-d", "-q")
