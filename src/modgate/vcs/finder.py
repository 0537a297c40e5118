"""From a module path to its repository, by the rules of the go command.

1. The operator's own table: the longest prefix that names an address. What follows it is a folder.
2. Hosts and suffixes whose repositories are known without asking (`static_hosts`).
3. The host's page `https://<path>?go-get=1` and its go-import tag. Only the host in the path is asked.
   Where the tag's prefix is shorter, the prefix's own page must say the same.
A page's word is checked before it is believed: which systems (GOVCS `public:git|hg,private:all`), which
addresses (`repository_url`), which folder. Absent is only what the host itself proved: 404, 410, or a
page of its own without a tag for the path; a portal's page that somebody redirected to proves nothing.
Source: cmd/go/internal/vcs/vcs.go (RepoRootForImportPath, repoRootForImportDynamic); go help vcs.
"""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from modgate.errors import Absent, Denied, Invalid, Unavailable
from modgate.gomod.texts import shown
from modgate.transport.addresses import is_internal_host
from modgate.transport.reach import NOWHERE
from modgate.transport.verdict import clean_text, status_error
from modgate.vcs.answers import Answers
from modgate.vcs.goimport import has_path_prefix, match_go_import, parse_go_imports
from modgate.vcs.repository_url import checked_repository_url, checked_subdir
from modgate.vcs.roots import RepositoryRoot
from modgate.vcs.static_hosts import VCS_NAMES, static_root, suffix_vcs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modgate.gomod.types import ModulePath
    from modgate.model import Context
    from modgate.transport.pages import Page
    from modgate.transport.reach import Reach
    from modgate.vcs.goimport import GoImport

__all__ = ["Finder", "PageReader"]

_PUBLIC_VCS = frozenset({"git", "hg", "mod"})
_NAMES = frozenset({*VCS_NAMES, "mod"})
_MANY = 100
"""Tags of one page above which it is not kept: its author shall not choose how much memory that takes."""
_SHORT = 1 << 14
"""Bytes of a page that are read at once; longer ones in a thread, since they may be made to be slow."""


class PageReader(Protocol):
    """Fetches pages (`transport.pages.Pages`)."""

    async def get(self, url: str, *, insecure: bool = False) -> Page:
        """The page at an https address, over http too where `insecure`. Raises Denied, Unavailable."""

    async def close(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True)
class _Imports:
    """What a host said of one path: its tags, or why there are none (and with 410, that it is gone)."""

    url: str
    tags: tuple[GoImport, ...] = ()
    absent: str = ""
    gone: bool = False


def _never(_path: str) -> bool:
    """No module is meant."""
    return False


class Finder:
    """Finds roots (`vcs.roots.RootFinder`).

    Args:
        pages: Fetches pages; closed with the finder.
        repositories: Addresses by module path prefix: https, http, ssh, git+ssh, `user@host:path`.
        private: Whether a path is private: its repository may be of any system.
        insecure: Whether a path's pages and repository may be fetched over http.
        reach: Hosts that the operator named, which may be addresses or internal names.
        clock: Seconds.
        ttl: How long answers of hosts are kept, in seconds.
        absent_ttl: How long it is kept that there is none: who just made a repository tries again.
        limit: How many.
    """

    def __init__(
        self,
        pages: PageReader,
        *,
        clock: Callable[[], float],
        repositories: Mapping[str, str] | None = None,
        private: Callable[[str], bool] = _never,
        insecure: Callable[[str], bool] = _never,
        reach: Reach = NOWHERE,
        ttl: float = 300.0,
        absent_ttl: float = 60.0,
        limit: int = 4096,
    ) -> None:
        self._pages = pages
        named = {prefix.strip("/"): address for prefix, address in (repositories or {}).items()}
        self._named = dict(sorted(named.items(), key=lambda item: -len(item[0])))
        self._private = private
        self._insecure = insecure
        self._reach = reach

        def kept(answer: _Imports) -> float:
            if len(answer.tags) > _MANY:
                return 0.0
            return absent_ttl if answer.absent else ttl

        self._answers: Answers[_Imports] = Answers(clock, ttl=kept, limit=limit)

    async def find(self, ctx: Context, path: ModulePath) -> RepositoryRoot:
        """The repository of a module path."""
        for prefix, address in self._named.items():
            if has_path_prefix(path, prefix):
                return _operators(prefix, address)
        self._check_host(path)
        root = static_root(path) or await self._dynamic(ctx, path)
        self._check_vcs(root)
        return root

    async def close(self) -> None:
        """Close connections."""
        await self._answers.close()
        await self._pages.close()

    def _check_host(self, path: str) -> None:
        host = path.partition("/")[0]
        if self._reach.allows(host, 443):
            return
        if is_internal_host(host) or host.rpartition(".")[2].isdigit():
            raise Invalid(
                "no module is fetched from an address or a host that no public zone holds",
                where=path,
                next_step=f"name {shown(host)} in vcs.internal_hosts, or its repository in vcs.repositories",
            )

    def _check_vcs(self, root: RepositoryRoot) -> None:
        if root.vcs not in _PUBLIC_VCS and not self._private(root.root):
            raise Denied(
                f"{root.vcs} is used for private modules only, as GOVCS has it; {root.root} is public",
                where=root.root,
                next_step="name the module in a route with private = true",
            )

    async def _dynamic(self, ctx: Context, path: str) -> RepositoryRoot:
        """1. The path's page. 2. Its tag. 3. The same from the prefix's page. 4. Check what it says."""
        page = await self._imports(ctx, path)
        if page.absent:
            raise Absent(page.absent, where=page.url, gone=page.gone)
        tag = _matching(page, path)
        if tag is None:
            raise Absent(_no_tags(path, page.tags), where=page.url)
        if tag.prefix != path:
            confirming = await self._imports(ctx, tag.prefix)
            if _matching(confirming, path) != tag:
                raise Unavailable(
                    f"{page.url} and {confirming.url} disagree about go-import for {tag.prefix}",
                    where=path,
                    kind="bad-answer",
                )
        if tag.vcs not in _NAMES:
            raise Unavailable(
                f"the page names the version control system {shown(tag.vcs)}, which is unknown",
                where=page.url,
                kind="bad-answer",
            )
        subdir = checked_subdir(tag.subdir, page.url)
        url = checked_repository_url(tag.repo, tag.vcs, insecure=self._insecure(path), where=page.url)
        return RepositoryRoot(tag.prefix, tag.vcs, url, subdir)

    async def _imports(self, ctx: Context, path: str) -> _Imports:
        """What the host says of a path; asked once for all who want it."""
        if not ctx.fetch:
            known = self._answers.known(path)
            if known is None:
                raise Absent("its repository is not known here, and no fetch is allowed", where=path)
            return known
        return await self._answers.get(path, lambda: self._ask(path))

    async def _ask(self, path: str) -> _Imports:
        host, _, rest = path.partition("/")
        page = await self._pages.get(f"https://{host}/{rest}?go-get=1", insecure=self._insecure(path))
        short = len(page.body) <= _SHORT
        read = parse_go_imports(page.body) if short else await to_thread(parse_go_imports, page.body)
        if page.cut and not read.ended:
            raise Unavailable(
                "the page is too long to be read to the end of its head", where=page.url, kind="bad-answer"
            )
        if read.tags:
            return _Imports(page.url, read.tags)
        if page.status in {404, 410}:
            text = clean_text(page.body, page.headers.get("content-type", "")).partition("\n")[0]
            said = f": {text}" if text else ""
            return _Imports(page.url, absent=f"the page answers {page.status}{said}", gone=page.status == 410)
        if page.status != 200:
            raise _no_page(page)
        if page.moved:
            raise Unavailable(
                "the page has no go-import tag and is another host's, to which the asked one redirects",
                where=page.url,
                next_step=_login(page, host),
                kind="bad-answer",
            )
        return _Imports(page.url, absent=_no_tags(path, (), read.broken))


def _matching(page: _Imports, path: str) -> GoImport | None:
    """The page's tag for a path; None for none. Raises Unavailable for several."""
    tags = match_go_import(page.tags, path)
    if len(tags) > 1:
        raise Unavailable(f"multiple meta tags match {path}", where=page.url, kind="bad-answer")
    return tags[0] if tags else None


def _no_tags(path: str, others: tuple[GoImport, ...], broken: str = "") -> str:
    more = ""
    if others:
        more = f" for {path}, only for {', '.join(shown(tag.prefix)[1:-1] for tag in others[:3])}"
    elif broken:
        more = f" that the go command could read ({broken})"
    return f"the page has no go-import tags{more}"


def _no_page(page: Page) -> Unavailable:
    """A status that proves nothing."""
    if page.status in {401, 403}:
        told = "refuses the credential" if page.credential else "wants a credential"
        return Unavailable(
            f"the host {told} ({page.status})",
            where=page.url,
            next_step="name the host in [[credentials]], or the repository in vcs.repositories",
            kind="bad-answer",
        )
    error = status_error(page.status, "", page.headers, page.url)
    if isinstance(error, Unavailable):
        return error
    return Unavailable(f"the host answered with status {page.status}", where=page.url, kind="bad-answer")


def _login(page: Page, host: str) -> str:
    if page.credential:
        return f"look whether the credential for {host} is still good"
    return f"if that is a login page, name {host} in [[credentials]], or the repository in vcs.repositories"


def _operators(prefix: str, address: str) -> RepositoryRoot:
    """The root that the operator named; its address is his word."""
    if address.startswith("git+ssh://"):
        address = address.removeprefix("git+")
    return RepositoryRoot(prefix, suffix_vcs(address), address)
