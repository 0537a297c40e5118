"""A git repository: what Go's module rules ask of one (`modgate.vcs.repository`), over its mirror.

Source of the rules: codehost/git.go. Where the go command's answer depends on what an earlier command left
in its cache, the answer here is the one of an empty cache, with these differences:

- A whole hash is that commit, even where a tag or branch calls itself so.
- The tags of a commit are those that the repository lists now; a list that cannot be had is replaced by
  the last one for hashes and tags whose commits are here already, never for branches and HEAD.
- The most recent tag is looked for in the whole history, not in what happens to be fetched.

Every question starts from one list of refs, good for `refs_ttl` and asked again at once when it does not know
a revision. What was proved absent is remembered for `absent_ttl`, so that repeated questions cost nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from modgate.errors import Absent, Invalid, Unavailable
from modgate.gomod.texts import shown
from modgate.vcs.git.addresses import parse_address
from modgate.vcs.git.checks import check_path, check_revision, highest
from modgate.vcs.git.errors import Damaged
from modgate.vcs.git.fetching import Fetching
from modgate.vcs.git.joined import Joined
from modgate.vcs.git.listing import Listing, not_here
from modgate.vcs.git.mending import Mending
from modgate.vcs.git.mirror import Mirror
from modgate.vcs.git.program import GitProgram
from modgate.vcs.git.refs import Found, Refs, is_hash_prefix
from modgate.vcs.git.remote import Remote
from modgate.vcs.git.tree import open_tree, read_blob
from modgate.vcs.repository import Revision, Tags

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from modgate.gomod.modzip import FileEntry
    from modgate.model import Context
    from modgate.model.credentials import Credentials
    from modgate.model.egress import Egress
    from modgate.vcs.git.settings import GitSettings

__all__ = ["GitRepository"]

T = TypeVar("T")

_REMEMBERED = 4096


class GitRepository:
    """One repository over git (`modgate.vcs.repository.Repository`), for use in one event loop.

    Attributes:
        vcs: `git`.
        url: Without user info.
    """

    vcs = "git"

    def __init__(
        self,
        url: str,
        mirrors: Path,
        settings: GitSettings,
        clock: Callable[[], float],
        *,
        egress: Egress | None = None,
        credentials: Credentials | None = None,
        counted: Callable[[int], None] = lambda _: None,
        insecure: bool = False,
        local: bool = False,
        internal: frozenset[str] = frozenset(),
    ) -> None:
        """Nothing is run or written yet.

        `clock` is in seconds, `counted` is told how many bytes a network run brought, `internal`
        names hosts beside the configured ones whose addresses need not be public. Raises Invalid for an
        address that is not taken.
        """
        address = parse_address(url, insecure=insecure, local=local)
        self.url = address.shown
        self._settings = settings
        self._clock = clock
        # Git runs in the root folder, lest it find a repository above the mirrors.
        mirrors = mirrors.absolute()
        program = GitProgram(settings.program, mirrors / "git-home")
        remote = Remote(
            address,
            program,
            settings,
            egress=egress,
            credentials=credentials,
            internal=internal,
            counted=counted,
        )
        self._fetching = Fetching(Mirror(mirrors, address.url), remote, program, settings)
        self._joined = Joined()
        self._listing = Listing(self._fetching, self._joined, settings, clock)
        self._mended = Mending(self._fetching, self._listing, self._joined, clock)
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._times: OrderedDict[str, datetime] = OrderedDict()

    @property
    def busy(self) -> bool:
        """Whether anybody uses it now."""
        return self._mended.users > 0 or self._joined.busy

    @property
    def weight(self) -> int:
        """How many refs it holds in memory."""
        return self._listing.weight

    @property
    def folder(self) -> Path:
        """Where its mirror is."""
        return self._fetching.mirror.folder

    async def close(self) -> None:
        """Stop what runs for it."""
        await self._joined.close()

    async def tags(self, ctx: Context, prefix: str) -> Tags:
        """The tags whose names begin with the prefix."""
        refs = await self._listing.current(ctx)
        origin = {
            "VCS": "git",
            "URL": self.url,
            "TagPrefix": prefix,
            "TagSum": refs.tag_sum(prefix),
        }
        return Tags(refs.tags(prefix), origin if prefix else _without(origin, "TagPrefix"))

    async def latest(self, ctx: Context) -> Revision:
        """The newest commit of the default branch."""
        refs = await self._listing.current(ctx)
        if not refs.head:
            raise Absent("the repository has no commits", where=self.url)
        return await self._mended(ctx, lambda: self._revision(ctx, refs, Found("HEAD", refs.head), ""))

    async def stat(self, ctx: Context, revision: str) -> Revision:
        """What a revision is."""
        check_revision(revision)
        if revision == "latest":
            return await self.latest(ctx)
        return await self._mended(ctx, lambda: self._stat(ctx, revision))

    async def read_file(self, ctx: Context, revision: str, path: str, *, limit: int) -> bytes:
        """The bytes of a file as they are stored (see `tree.read_blob`)."""

        async def work() -> bytes:
            place, commit = await self._placed(ctx, revision)
            return await read_blob(self._fetching, place, commit, path, limit)

        check_revision(revision)
        check_path(path)
        return await self._mended(ctx, work)

    async def recent_tag(
        self, ctx: Context, revision: str, prefix: str, allowed: Callable[[str], bool]
    ) -> str:
        """The highest allowed tag with the prefix on the revision or an ancestor."""

        async def work() -> str:
            info = await self._stat(ctx, revision)
            refs = await self._listing.current(ctx)
            candidates = [tag.name for tag in refs.tags(prefix) if allowed(tag.name)]
            best = highest(candidates, prefix)
            # Nothing to find, or it is found without history.
            if not best or best in info.tags:
                return best
            await self._history(ctx, refs)
            ran = await self._fetching.local(
                self._fetching.mirror.history,
                "for-each-ref",
                "--format=%(refname:lstrip=2)",
                f"--merged={info.name}",
                "refs/tags/",
            )
            merged = set(ran.output.decode("utf-8", "surrogateescape").splitlines())
            return highest([tag for tag in candidates if tag in merged], prefix)

        check_revision(revision)
        return await self._mended(ctx, work)

    async def descends_from(self, ctx: Context, revision: str, tag: str) -> bool:
        """Whether the tag points at the revision or an ancestor."""

        async def work() -> bool:
            info = await self._stat(ctx, revision)
            refs = await self._listing.current(ctx)
            tagged = refs.hashes.get(f"refs/tags/{tag}")
            if tagged is None:
                return False
            if tagged == info.name:
                return True
            fetching = self._fetching
            for commit in (tagged, info.name):
                # Whatever commit is in the history is there with all its ancestors.
                if await fetching.commit(fetching.mirror.history, commit) is None:
                    await self._history(ctx, refs)
            ran = await fetching.local(
                fetching.mirror.history, "merge-base", "--is-ancestor", tagged, info.name, fine=(0, 1)
            )
            return ran.status == 0

        check_revision(revision)
        return await self._mended(ctx, work)

    @asynccontextmanager
    async def files(
        self, ctx: Context, revision: str, folder: str, *, limit: int
    ) -> AsyncIterator[list[FileEntry]]:
        """The tree of a revision below `folder`."""
        check_revision(revision)
        folder = folder.strip("/")
        if folder:
            check_path(folder)

        async def work() -> tuple[_Opened, list[FileEntry]]:
            place, commit = await self._placed(ctx, revision)
            opened = open_tree(self._fetching, place, commit, folder, limit)
            return opened, await opened.__aenter__()

        opened, entries = await self._mended(ctx, work)
        self._mended.users += 1
        try:
            yield entries
        finally:
            self._mended.users -= 1
            await opened.__aexit__(None, None, None)

    # How a revision is found.

    async def _stat(self, ctx: Context, revision: str) -> Revision:
        refs, failure = await self._listing.current_or_known(ctx)
        found = refs.resolve(revision)
        if found is None and is_hash_prefix(revision):
            known = await self._known(revision)
            if known is not None:
                return await self._revision(ctx, refs, Found("", known), revision)
        lasting = found is not None and (
            found.ref.startswith("refs/tags/") or found.hash.startswith(revision)
        )
        if failure is not None and not lasting:
            # What a branch was when it was last listed is not what it is.
            raise failure
        if found is None:
            refs, found = await self._look_again(ctx, refs, revision)
        return await self._revision(ctx, refs, found, revision)

    async def _look_again(self, ctx: Context, refs: Refs, revision: str) -> tuple[Refs, Found]:
        """The revision in a fresh list, or in the history. Raises Absent where neither has it."""
        now = self._clock()
        unknown = Absent(
            f"there is no revision {shown(revision)} in this repository",
            where=self.url,
            next_step="check the version, tag, branch or hash; a new one may not have been pushed yet",
        )
        if not ctx.fetch or self._unknown.get(revision, now) > now:
            raise unknown
        refs = await self._listing.after_unknown(refs)
        found = refs.resolve(revision)
        if found is not None:
            return refs, found
        if is_hash_prefix(revision):
            await self._history(ctx, refs)
            known = await self._known(revision)
            if known is not None:
                return refs, Found("", known)
        self._unknown[revision] = now + self._settings.absent_ttl
        _trim(self._unknown)
        raise unknown

    async def _known(self, revision: str) -> str | None:
        """The commit of a hash that is in the mirror: all that are there belong to the repository."""
        fetching = self._fetching
        for repository in (fetching.mirror.history, fetching.mirror.trees):
            commit = await fetching.commit(repository, revision)
            # A branch of that name, which an older list had, is no hash.
            if commit is not None and commit.startswith(revision):
                return commit
        return None

    async def _revision(self, ctx: Context, refs: Refs, found: Found, asked: str) -> Revision:
        commit = found.hash
        tags = refs.tags_at(commit)
        origin = {"VCS": "git", "URL": self.url, "Hash": commit}
        # The go command notes a ref that it found by hash as well, and HEAD only for the latest.
        if found.ref and (found.ref != "HEAD" or not asked):
            origin["Ref"] = found.ref
        return Revision(
            name=commit,
            short=commit[:12],
            version=asked if asked in tags else commit,
            time=await self._time(ctx, refs, found),
            tags=tags,
            origin=origin,
        )

    async def _time(self, ctx: Context, refs: Refs, found: Found) -> datetime:
        known = self._times.get(found.hash)
        if known is not None:
            return known
        fetching = self._fetching
        if await fetching.commit(fetching.mirror.history, found.hash) is not None:
            place = fetching.mirror.history
        else:
            place = await self._tree(ctx, refs, found)
        # `git log` would look for a .mailmap in HEAD's tree, which a history without trees does not have.
        ran = await fetching.local(
            place, "rev-list", "-n1", "--format=%ct", "--end-of-options", found.hash, "--"
        )
        try:
            time = datetime.fromtimestamp(int(ran.output.split()[-1]), UTC)
        except (ValueError, IndexError, OverflowError, OSError):
            raise Invalid(f"the commit {found.hash} has no time that can be told", where=self.url) from None
        self._times[found.hash] = time
        _trim(self._times)
        return time

    async def _placed(self, ctx: Context, revision: str) -> tuple[Path, str]:
        """Where the files of a revision are, and its commit."""
        refs, _ = await self._listing.current_or_known(ctx)
        commit = revision
        if revision not in self._times:
            commit = (await self._stat(ctx, revision)).name
        place = await self._fetching.place(commit)
        if place is None:
            ref = min((name for name, value in refs.hashes.items() if value == commit), default="")
            place = await self._tree(ctx, refs, Found(ref, commit))
        return place, commit

    async def _tree(self, ctx: Context, refs: Refs, found: Found) -> Path:
        fetching = self._fetching
        place = await fetching.place(found.hash)
        if place is not None:
            return place
        if not ctx.fetch:
            raise not_here(self.url)
        await self._joined(
            ("tree", found.hash), lambda: fetching.fetch_tree(found.hash, found.ref, sha256=refs.sha256)
        )
        self._tidy_up()
        place = await fetching.place(found.hash)
        if place is None:
            raise Damaged("a commit that was fetched is not there")
        return place

    async def _history(self, ctx: Context, refs: Refs) -> None:
        if self._fetching.has_history(refs):
            return
        if not ctx.fetch:
            raise not_here(self.url)
        await self._joined(("history", refs.sum), lambda: self._fetching.fetch_history(refs))
        self._tidy_up()

    def _tidy_up(self) -> None:
        if self._fetching.wants_repack():
            with suppress(Unavailable):
                self._joined.start("repack", self._fetching.repack)


if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from modgate.vcs.repository import Repository

    _Opened = AbstractAsyncContextManager[list[FileEntry]]

    def _is_a_repository(repository: GitRepository) -> Repository:
        return repository


def _trim(memory: OrderedDict[str, T]) -> None:
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _without(origin: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in origin.items() if key != name}
