"""How bad an advisory is, by those who say so: words, CVSS vectors, and whose word counts first.

The Go vulnerability database gives no severity: an entry of it takes that of the entries it is an alias of.
Rules:

1. Whose word counts: the entry's own database (`osv`), GitHub (`ghsa`), NVD (`nvd`), then everybody else
   (`trivy`, or the name of a vendor in a Trivy database). The first that says something wins, not the worst:
   a rule such as "deny critical" must mean the same every day, whichever further database is added.
2. Within one source a word counts before a vector (GitHub's people correct the word); the score is that of
   the newest CVSS that can be read: 4.0, 3.1, 3.0, 2.0.
3. A vector or a word that cannot be read says nothing. `unknown` is a state of its own.

Sources: FIRST's CVSS specifications (qualitative ratings), the OSV schema (`severity`), GitHub's advisory
database (`database_specific.severity`; its MODERATE is medium).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modgate.model.advisory import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NO_RATING", "Rating", "best", "rate", "score", "source_of", "word"]

_MAX_VECTOR = 512
_WORDS = {
    "none": Severity.NONE,
    "low": Severity.LOW,
    "moderate": Severity.MEDIUM,
    "medium": Severity.MEDIUM,
    "important": Severity.HIGH,
    "high": Severity.HIGH,
    "critical": Severity.CRITICAL,
}
_PRECEDENCE = {"osv": 0, "ghsa": 1, "nvd": 2}
_OTHERS = 3


class Rating(NamedTuple):
    """What one source says.

    Attributes:
        severity: The level.
        source: Who says so: `osv`, `ghsa`, `nvd`, `trivy`, …; empty for unknown.
        score: The CVSS base score; 0 where there is none.
    """

    severity: Severity
    source: str
    score: float = 0.0


NO_RATING = Rating(Severity.UNKNOWN, "")


def source_of(identifier: str) -> str:
    """Whose word the severity of an entry is, by the entry's id."""
    if identifier.startswith("GHSA-"):
        return "ghsa"
    return "nvd" if identifier.startswith("CVE-") else "osv"


def word(text: str) -> Severity:
    """The level that a word names, in any case; `unknown` for any other word."""
    return _WORDS.get(text.strip().lower(), Severity.UNKNOWN)


def score(vector: str) -> tuple[Severity, float] | None:
    """The level and base score of a CVSS vector (2.0, 3.0, 3.1, 4.0); None for what is no vector."""
    text = vector.strip()
    if not text or len(text) > _MAX_VECTOR:
        return None
    from cvss import (  # type: ignore[import-untyped]  # noqa: PLC0415  most entries carry no vector
        CVSS2,
        CVSS3,
        CVSS4,
        CVSSError,
    )

    try:
        if text.startswith("CVSS:4.0/"):
            number = float(CVSS4(text).base_score)
        elif text.startswith(("CVSS:3.0/", "CVSS:3.1/")):
            number = float(CVSS3(text).base_score)
        else:
            number = float(CVSS2(text.removeprefix("CVSS:2.0/")).base_score)
            return _level_of_two(number), number
    except (CVSSError, ArithmeticError, LookupError, TypeError, ValueError):
        return None
    return _level(number), number


def _level(number: float) -> Severity:
    for bound, level in (
        (9.0, Severity.CRITICAL),
        (7.0, Severity.HIGH),
        (4.0, Severity.MEDIUM),
        (0.1, Severity.LOW),
    ):
        if number >= bound:
            return level
    return Severity.NONE


def _level_of_two(number: float) -> Severity:
    # NVD's ratings for CVSS 2.0 know neither none nor critical.
    if number >= 7.0:
        return Severity.HIGH
    return Severity.MEDIUM if number >= 4.0 else Severity.LOW


def rate(source: str, level: str, vectors: Iterable[str]) -> Rating:
    """What one source says by its word (may be empty) and its vectors, of which the newest CVSS counts."""
    named = word(level)
    for vector in sorted(vectors, key=_age_of):
        read = score(vector)
        if read is not None:
            return Rating(read[0] if named is Severity.UNKNOWN else named, source, read[1])
    return NO_RATING if named is Severity.UNKNOWN else Rating(named, source)


def _age_of(vector: str) -> int:
    for age, prefix in enumerate(("CVSS:4.0/", "CVSS:3.1/", "CVSS:3.0/")):
        if vector.strip().startswith(prefix):
            return age
    return 3


def best(ratings: Iterable[Rating]) -> Rating:
    """The rating that counts: the first source by precedence that says something, `NO_RATING` for none.

    Of several of one rank (two vendors) the graver one counts.
    """
    known = [each for each in ratings if each.severity is not Severity.UNKNOWN]
    if not known:
        return NO_RATING
    return min(
        known,
        key=lambda each: (
            _PRECEDENCE.get(each.source, _OTHERS),
            -each.severity.rank,
            -each.score,
            each.source,
        ),
    )
