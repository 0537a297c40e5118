"""go.mod files beyond Go's own tables: errors that point at the place, and limits."""

from __future__ import annotations

import contextlib

import pytest

from modgate.errors import Invalid
from modgate.gomod import modfile


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("module m\n\nrequire x.y v1\nrequire z.y latest\n", "go.mod:4"),
        ("module m\nrequire (\n\tx.y v1.0.0\n\tx.y/v2 v1.0.0\n)\n", "go.mod:4"),
        ("module m\nrequire (\n\tx.y v1.0.0\n", "go.mod:2"),
        ("module m\nrequire (\n) x\n", "go.mod:3"),
        ('module m\n\nmodule "m\n', "go.mod:3"),
        ("module m\n/* c */\n", "go.mod:2"),
        ("module m\ngo 1.x\n", "go.mod:2"),
        ("module m\n// \u2028 does not end a line\n\x00", "go.mod:3"),
    ],
)
def test_an_error_says_its_line(text: str, where: str) -> None:
    with pytest.raises(Invalid) as caught:
        modfile.parse_lax(text.encode())
    assert caught.value.where == where


def test_the_file_can_have_another_name() -> None:
    with pytest.raises(Invalid) as caught:
        modfile.parse(b"nonsense\n", name="x@v1.0.0.mod")
    assert str(caught.value) == 'x@v1.0.0.mod:1: unknown directive: "nonsense"'


def test_a_go_mod_above_the_limit_is_not_parsed() -> None:
    with pytest.raises(Invalid, match="too large"):
        modfile.parse_lax(b"/" * ((16 << 20) + 1))


def test_a_go_mod_of_thousands_of_digits_is_read() -> None:
    parsed = modfile.parse_lax(b"module m\ngo 1." + b"9" * 10_000 + b"\n")
    assert len(parsed.go) == 10_002


@pytest.mark.parametrize(
    "text", [b"x" * 300_000, b"/ " * 150_000, b'"\\' * 150_000, b"// c\n" * 50_000, b"(\n" * 50_000]
)
def test_long_lines_and_many_lines_take_no_time_to_speak_of(text: bytes) -> None:
    for parse in (modfile.parse, modfile.parse_lax):
        with contextlib.suppress(Invalid):
            parse(text)


def test_requirements_keep_their_order_and_lines() -> None:
    parsed = modfile.parse(b"module m\nrequire b.c v1.0.0\nrequire (\n\ta.b v1.2.0 // indirect\n)\n")
    assert parsed.require == (
        modfile.Require("b.c", "v1.0.0", indirect=False, line=2),
        modfile.Require("a.b", "v1.2.0", indirect=True, line=4),
    )


@pytest.mark.parametrize("quoted", ["`a`b`", '"a', "`a", '"', "`", "\"a'", '"a"b"', '"a\\"'])
def test_a_broken_quotation_has_no_module_path(quoted: str) -> None:
    assert not modfile.module_path(f"module {quoted}\n".encode())
