"""The lint over any text: it never fails, never shows a password, and what it mends is right."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modgate.client.findings import Impact
from modgate.client.machine.goenv_edit import with_value, without_key
from modgate.client.machine.golayers import parse_env_file
from modgate.client.machine.lint import (
    PATTERN_VARIABLES,
    intended_variable,
    lint_proxy_variable,
    lint_setting,
    mended_value,
)

NAMES = ("GOPROXY", "GOSUMDB", "GOFLAGS", "GOTOOLCHAIN", "GO111MODULE", "GOAUTH", *PATTERN_VARIABLES)
PIECES = (
    *(
        "https://",
        "http://",
        "https:/",
        "//",
        "a.test",
        "goproxy.cn",
        "direct",
        "Direct",
        "off",
        ",",
        "|",
        ";",
    ),
    *(
        "，",
        "；",
        "　",
        " ",
        '"',
        "“",
        "”",
        "'",
        "/",
        ":",
        "：",
        "@",
        "user:pw@",
        "?x=y",
        "*",
        ".",
        "[",
        "\\r",
    ),
    *("$", "%", "-mod=mod", "-v", "local", "+auto", "go1.26.1", "sum.golang.org", "git /x", "8080"),
)
pieced = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@given(name=st.sampled_from(NAMES), text=st.one_of(st.text(max_size=80), pieced))
def test_any_text_is_judged_and_what_is_mended_is_right(name: str, text: str) -> None:
    lint_setting(name, text, "x")
    mended = mended_value(name, text)
    if mended:
        assert all(finding.impact < Impact.DEGRADES for finding in lint_setting(name, mended, "x"))
        assert mended_value(name, mended) in {"", mended}


@given(name=st.sampled_from(["HTTPS_PROXY", "NO_PROXY"]), text=st.one_of(st.text(max_size=80), pieced))
def test_any_proxy_variable_is_judged(name: str, text: str) -> None:
    lint_proxy_variable(name, text, "x")


@given(before=pieced, after=pieced)
def test_a_password_before_an_at_is_never_shown(before: str, after: str) -> None:
    text = f"{before.replace(',', '').replace('|', '')}bob:S3CRET@a.test{after}"
    for name in ("GOPROXY", "GOSUMDB"):
        for finding in lint_setting(name, text, "x"):
            assert "S3CRET" not in repr(finding.values), text


@given(name=st.text(max_size=30))
def test_any_name_is_judged(name: str) -> None:
    intended_variable(name)


@given(data=st.binary(max_size=120))
def test_an_edit_of_any_file_touches_one_key_alone(data: bytes) -> None:
    data = b"GOFLAGS=-v\n" + data
    edited = with_value(data, 1, "GOFLAGS", "-x")
    assert parse_env_file(edited)[0].text == "-x"
    assert edited.partition(b"\n")[2] == data.partition(b"\n")[2]
    without = without_key(data, "GOFLAGS")
    assert [line for line in without.split(b"\n") if line.startswith(b"GOFLAGS=")] == []
