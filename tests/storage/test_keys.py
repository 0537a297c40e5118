"""Properties of keys: what is accepted stays in the folder and keeps its name."""

from __future__ import annotations

import os.path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.errors import Invalid
from modgate.storage.keys import check_folder, check_key

_ODD = st.sampled_from(
    ["..", ".", "", "/", "\\", "\0", "\n", ".modgate", ".MODGATE", "a", "@v", "!x", "é", " "]
)


@given(st.lists(_ODD, max_size=6).map("/".join) | st.text(max_size=40) | st.lists(_ODD).map("".join))
def test_an_accepted_key_is_a_plain_path_below_the_root(key: str) -> None:
    try:
        assert check_key(key) == key
    except Invalid:
        return
    assert os.path.normpath(f"/root/{key}") == f"/root/{key}"
    assert key.isprintable()
    assert all(0 < len(element.encode()) <= 255 for element in key.split("/"))
    assert ".modgate" not in key.lower().split("/")


@pytest.mark.parametrize("key", ["\x1b[31m", "a/\u202e/b", "a\udc80"])
def test_an_error_shows_a_key_without_what_could_harm_a_terminal(key: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_key(key)
    assert refused.value.where.isascii()
    assert refused.value.where.isprintable()


def test_a_ziphash_is_no_key_of_its_own_but_may_stand_in_a_folder_name() -> None:
    with pytest.raises(Invalid):
        check_key("example.com/m/@v/v1.0.0.ziphash")
    assert check_folder("example.com/x.ziphash") == "example.com/x.ziphash"
