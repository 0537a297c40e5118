"""What every book of sightings promises: a suite to inherit from, with a fixture `books`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model.audit import AuditFilter
from modgate.model.sightings import ScanVerdict, Sighting
from tests.contract.audit_book import rows_of

if TYPE_CHECKING:
    from modgate.wiring.books import Books

__all__ = ["SightingBookContract"]

M, V1, V2 = ModulePath("example.com/m"), Version("v1.0.0"), Version("v1.1.0")
MV = ModuleVersion(M, V1)


class SightingBookContract:
    """The promises of model/sightings.py."""

    async def test_the_earliest_time_stands_for_each_way(self, books: Books) -> None:
        book = books.sightings
        await book.sight(
            [Sighting(M, V1, 5.5, "log"), Sighting(M, V1, 4.5, "log"), Sighting(M, V1, 9.0, "list")]
        )
        await book.sight(
            [Sighting(M, V1, 7.0, "log"), Sighting(M, V1, 8.0, "list"), Sighting(M, V2, 1.0, "index")]
        )
        await book.sight([])
        assert await book.sightings(M) == {V1: {"log": 4.5, "list": 8.0}, V2: {"index": 1.0}}
        assert await book.sightings(ModulePath("other")) == {}

    async def test_thousands_go_in_at_once(self, books: Books) -> None:
        many = [Sighting(M, Version(f"v0.0.{i}"), float(i), "index") for i in range(3000)]
        await books.sightings.sight(many)
        assert len(await books.sightings.sightings(M)) == 3000

    async def test_a_verdict_is_of_bytes_and_scanner_and_a_later_one_replaces_it(self, books: Books) -> None:
        book = books.sightings
        verdict = ScanVerdict("h1:a=", "trivy-1", clean=False, summary="one é\0", at=5.5)
        assert await book.verdict("h1:a=", "trivy-1") is None
        await book.add_verdict(verdict, MV)
        found = await book.verdict("h1:a=", "trivy-1")
        assert found is not None
        assert (found.clean, found.at) == (False, 5.5)
        assert await book.verdict("h1:a=", "trivy-2") is None
        clean = replace(verdict, clean=True, summary="fine", at=6.5)
        await book.add_verdict(clean, MV)
        assert await book.verdict("h1:a=", "trivy-1") == clean

    async def test_a_verdict_is_audited(self, books: Books) -> None:
        await books.sightings.add_verdict(ScanVerdict("h1:a=", "s", clean=True, summary="fine", at=5.5), MV)
        (row,) = await rows_of(books.audit, AuditFilter(kind="scan"))
        assert (row.event.path, row.event.version, row.event.at) == (M, V1, 5.5)
        assert row.event.facts == {"h1": "h1:a=", "scanner": "s", "clean": True, "summary": "fine"}
        assert await books.audit.verify() == []

    async def test_no_licence_found_is_not_nobody_looked(self, books: Books) -> None:
        book = books.sightings
        assert await book.licences(MV) is None
        await book.add_licences(MV, ())
        assert await book.licences(MV) == ()
        await book.add_licences(MV, ("MIT", "Apache-2.0"))
        assert await book.licences(MV) == ("MIT", "Apache-2.0")
