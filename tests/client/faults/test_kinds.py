from __future__ import annotations

import pytest

from modgate.client.faults.kinds import FAULTS, FaultSpec, endpoint_of, parse_fault
from modgate.errors import Invalid
from modgate.messages import Catalogue, Language


def test_a_fault_is_named_by_its_word() -> None:
    assert parse_fault(" Timeout ") == FaultSpec(FAULTS["timeout"])


def test_a_fault_can_be_narrowed_to_endpoints_and_is_written_as_it_is_read() -> None:
    spec = parse_fault("reset:zip+info")
    assert spec.only == {"zip", "info"}
    assert str(spec) == "reset:info+zip"
    assert parse_fault(str(spec)) == spec


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("timeot", "timeout"),
        ("404:zap", "zip"),
        ("refused:zip", "refused alone"),
        ("404:", "zip"),
        ("", "--list"),
    ],
)
def test_a_slip_is_told_with_what_was_probably_meant(text: str, hint: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_fault(text)
    assert hint in str(caught.value)


def test_ok_hits_nothing_and_a_narrowed_fault_only_its_endpoints() -> None:
    assert not parse_fault("ok").hits("zip")
    assert parse_fault("404").hits("list")
    assert parse_fault("404:zip").hits("zip")
    assert not parse_fault("404:zip").hits("mod")


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("example.com/a/@v/list", "list"),
        ("example.com/a/@latest", "latest"),
        ("example.com/a/@v/v1.0.0.info", "info"),
        ("example.com/a/@v/v1.0.0.mod", "mod"),
        ("example.com/a/@v/v1.0.0.zip", "zip"),
        ("sumdb/sum.golang.org/lookup/example.com/a@v1.0.0", "sumdb"),
        ("example.com/a/@v/v1.0.0.exe", "other"),
        ("mod", "other"),
    ],
)
def test_a_path_tells_its_endpoint(path: str, endpoint: str) -> None:
    assert endpoint_of(path) == endpoint


@pytest.mark.parametrize("language", list(Language))
def test_every_fault_is_explained_in_every_language(language: Language) -> None:
    say = Catalogue(language)
    assert all(say.knows(f"faults.kind.{name}") for name in FAULTS)
