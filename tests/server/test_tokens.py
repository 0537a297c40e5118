"""Who may publish: tokens, read again when they change, and shown to nobody."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unauthenticated, Unavailable
from modgate.server.tokens import Tokens

if TYPE_CHECKING:
    from pathlib import Path

CI = "ci-token-0123456789"
ANNA = "anna-token-0123456789"


def basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"# who may\n\n{CI}\nanna {ANNA}  # since May\n", encoding="utf-8")
    return path


def test_a_token_has_the_name_of_its_line(file: Path) -> None:
    tokens = Tokens(file, ("PUBLISH", "from-the-variable-0123"))
    tokens.check()
    assert tokens.principal(f"Bearer {ANNA}".encode()) == "anna"
    assert tokens.principal(f"bearer {CI}".encode()) == "line-3"
    assert tokens.principal(basic("anybody", ANNA)) == "anna"
    assert tokens.principal(basic("", CI)) == "line-3"
    assert tokens.principal(b"Bearer from-the-variable-0123") == "PUBLISH"


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer x",
        f"Bearer {ANNA}x".encode(),
        f"Bearer {ANNA[:-1]}".encode(),
        f"Bearer anna {ANNA}".encode(),
        f"Token {ANNA}".encode(),
        ANNA.encode(),
        b"Basic !!!",
        b"Basic " + base64.b64encode(ANNA.encode()),
        basic(ANNA, ""),
        basic("anna", "x"),
        b"Bearer \xff\xfe",
        f"Bearer {ANNA}, Bearer {CI}".encode(),
        b"Bearer # who may",
    ],
)
def test_anything_else_is_nobody(file: Path, header: bytes | None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        Tokens(file).principal(header)
    assert ANNA not in str(caught.value)
    assert CI not in str(caught.value)


def test_no_part_of_a_token_is_enough(file: Path) -> None:
    tokens = Tokens(file)
    for number in range(2000):
        with pytest.raises(Unauthenticated):
            tokens.principal(f"Bearer {CI}{number}".encode())


def test_a_file_that_changes_is_read_again(file: Path) -> None:
    tokens = Tokens(file)
    assert tokens.principal(f"Bearer {ANNA}".encode()) == "anna"
    file.write_text(f"bob {CI}\n", encoding="utf-8")
    with pytest.raises(Unauthenticated):
        tokens.principal(f"Bearer {ANNA}".encode())
    assert tokens.principal(f"Bearer {CI}".encode()) == "bob"


def test_a_file_that_is_replaced_is_read_again_though_time_and_size_stay(file: Path) -> None:
    tokens = Tokens(file)
    assert tokens.principal(f"Bearer {ANNA}".encode()) == "anna"
    old = file.stat()
    other = file.with_name("new")
    other.write_text(file.read_text("utf-8").replace("anna", "hans"), encoding="utf-8")
    os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
    other.replace(file)
    with pytest.raises(Unauthenticated):
        tokens.principal(f"Bearer {ANNA}".encode())


def test_a_token_is_never_cut_short(file: Path) -> None:
    file.write_text(f"ci {CI}#more #comment\n", encoding="utf-8")
    assert Tokens(file).principal(f"Bearer {CI}#more".encode()) == "ci"
    with pytest.raises(Unauthenticated):
        Tokens(file).principal(f"Bearer {CI}".encode())


@pytest.mark.parametrize(
    "text",
    ["", "# nobody\n", "short\n", f"a b {CI}\n", f"a\x1b[31m {CI}\n", f"{ANNA}\nshort\n"],
)
def test_a_file_that_says_nothing_clear_admits_nobody(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Unavailable) as caught:
        Tokens(file).check()
    assert ANNA not in str(caught.value)
    with pytest.raises((Unavailable, Unauthenticated)):
        Tokens(file).principal(f"Bearer {ANNA}".encode())


def test_a_file_that_is_gone_admits_nobody(file: Path) -> None:
    tokens = Tokens(file)
    assert tokens.principal(f"Bearer {ANNA}".encode()) == "anna"
    file.unlink()
    with pytest.raises(Unavailable) as caught:
        tokens.principal(f"Bearer {ANNA}".encode())
    assert caught.value.kind == "overloaded"


@pytest.mark.parametrize("value", ["", "  ", "short"])
def test_a_variable_without_a_real_token_is_none(value: str) -> None:
    tokens = Tokens(variable=("PUBLISH", value))
    with pytest.raises(Unavailable):
        tokens.check()
    for header in (b"Bearer ", f"Bearer {value}".encode(), basic("", value)):
        with pytest.raises(Unauthenticated):
            tokens.principal(header)


def test_nothing_that_is_shown_holds_a_token(file: Path) -> None:
    tokens = Tokens(file, ("PUBLISH", "from-the-variable-0123"))
    tokens.principal(f"Bearer {ANNA}".encode())
    shown = repr(tokens) + str(tokens) + repr(vars(tokens))
    assert ANNA not in shown
    assert "from-the-variable" not in shown
