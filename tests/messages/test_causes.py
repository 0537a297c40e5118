"""Every cause and every check has its texts, and uses only values that it has."""

from __future__ import annotations

import re

import pytest

from modgate.client.causes import CAUSES
from modgate.client.doctor.registry import all_checks
from modgate.client.findings import Cause, Finding
from modgate.messages import Catalogue, Language
from tests.messages.reading import every_text, placeholders

NAMES = ("title", "text", "fix")
LONGEST = {
    Language.ENGLISH: {"title": 40, "text": 330, "fix": 430},
    Language.CHINESE: {"title": 22, "text": 220, "fix": 330},
}


@pytest.mark.parametrize("language", list(Language))
def test_every_cause_has_a_title_a_text_and_a_fix(language: Language) -> None:
    texts = every_text(language)
    missing = [cause.key(name) for cause in CAUSES.values() for name in NAMES if cause.key(name) not in texts]
    assert missing == []


@pytest.mark.parametrize("language", list(Language))
def test_every_text_of_a_cause_belongs_to_one(language: Language) -> None:
    known = {cause.key(name) for cause in CAUSES.values() for name in NAMES}
    assert [key for key in every_text(language) if key.startswith("cause_") and key not in known] == []


def _usable(cause: Cause) -> set[str]:
    """Its values, and the path that stands beside a module."""
    return set(cause.values) | ({"path"} if "module" in cause.values else set())


def test_a_command_takes_the_path_of_a_module_without_its_version() -> None:
    retracted = Finding(CAUSES["MG-CNT-007"], {"module": "example.com/a@v1.2.3", "reason": "it leaks"})
    assert "go get example.com/a@latest" in Catalogue(Language.ENGLISH).say(retracted.message("fix"))


@pytest.mark.parametrize("language", list(Language))
def test_a_cause_uses_only_its_own_values(language: Language) -> None:
    texts = every_text(language)
    foreign = {
        cause.key(name): placeholders(texts[cause.key(name)]) - _usable(cause)
        for cause in CAUSES.values()
        for name in NAMES
        if placeholders(texts[cause.key(name)]) - _usable(cause)
    }
    assert foreign == {}


@pytest.mark.parametrize("language", list(Language))
def test_a_text_says_what_the_cause_knows(language: Language) -> None:
    """A value that neither text nor fix shows would be found out for nothing."""
    texts = every_text(language)
    unsaid = {
        cause.id: set(cause.values) - placeholders(texts[cause.key("text")] + texts[cause.key("fix")])
        for cause in CAUSES.values()
        if set(cause.values) - placeholders(texts[cause.key("text")] + texts[cause.key("fix")])
    }
    assert unsaid == {}


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("name", NAMES)
def test_texts_are_short(language: Language, name: str) -> None:
    texts = every_text(language)
    long = [key for cause in CAUSES.values() if len(texts[key := cause.key(name)]) > LONGEST[language][name]]
    assert long == []


@pytest.mark.parametrize("cause", CAUSES.values(), ids=list(CAUSES))
def test_a_finding_can_be_said_in_both_languages(cause: Cause) -> None:
    finding = Finding(cause, {name: f"<{name}>" for name in cause.values})
    for language in Language:
        say = Catalogue(language).say
        for name in NAMES:
            said = say(finding.message(name))
            assert not re.search(r"\{\w*\}", said)


def test_ids_are_given_once_and_without_gaps() -> None:
    groups: dict[str, list[int]] = {}
    for found in CAUSES.values():
        _, group, number = found.id.split("-")
        groups.setdefault(group, []).append(int(number))
    for numbers in groups.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("language", list(Language))
def test_every_check_has_a_title_and_says_what_it_does(language: Language) -> None:
    texts = every_text(language)
    wanted = [f"check.{check.name}.{name}" for check in all_checks() for name in ("title", "what")]
    assert [key for key in wanted if key not in texts] == []
