"""Which versions may be published, and what their go.mod must say."""

from __future__ import annotations

import pytest

from modgate.errors import Invalid
from modgate.gomod.publishing import go_mod_of, publishable

M = "example.com/m"


@pytest.mark.parametrize(
    ("path", "version"),
    [
        (M, "v0.0.0"),
        (M, "v1.2.3"),
        (M, "v1.2.3-rc.1"),
        (M, "v1.2.3-0.beta"),
        (f"{M}/v2", "v2.0.0"),
        ("gopkg.in/yaml.v2", "v2.0.0"),
        ("example.com/Upper", "v1.0.0"),
    ],
)
def test_releases_and_pre_releases_may_be_published(path: str, version: str) -> None:
    assert str(publishable(path, version)) == f"{path}@{version}"


@pytest.mark.parametrize(
    ("path", "version", "why"),
    [
        (M, "v1.2", "v1.2.0 would be"),
        (M, "1.2.3", "v1.2.3 would be"),
        (M, "1.2.3", "no full version"),
        (M, "main", "no full version"),
        (M, "latest", "no full version"),
        (M, "", "no full version"),
        (M, "v1.2.3+meta", "v1.2.3 would be"),
        (M, "v2.0.0+incompatible", "before modules"),
        (M, "v2.0.0", "should be v0 or v1"),
        (f"{M}/v2", "v1.0.0", "should be v2"),
        (f"{M}/v1", "v1.0.0", "malformed module path"),
        (M, "v0.0.0-20240506070809-0123456789ab", "pseudo-version"),
        (M, "v1.2.4-0.20240506070809-0123456789ab", "pseudo-version"),
        (M, "v1.2.3-rc.1.0.20240506070809-0123456789ab", "pseudo-version"),
        (M, "v1.2.3-../../x", "no full version"),
        ("example.com/../m", "v1.0.0", "malformed"),
        ("example.com/com1", "v1.0.0", "malformed"),
        ("nodot/m", "v1.0.0", "missing dot"),
        ("-example.com/m", "v1.0.0", "leading dash"),
    ],
)
def test_what_go_would_not_ask_for_by_this_name_is_refused(path: str, version: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as caught:
        publishable(path, version)
    assert caught.value.malformed


def test_the_go_mod_of_a_module_without_one_is_its_module_line() -> None:
    assert go_mod_of(publishable(M, "v1.0.0"), None) == b"module example.com/m\n"
    assert go_mod_of(publishable("gopkg.in/yaml.v2", "v2.0.0"), None) == b"module gopkg.in/yaml.v2\n"


def test_a_path_with_a_major_version_needs_a_go_mod() -> None:
    with pytest.raises(Invalid, match=r"there must be a go\.mod"):
        go_mod_of(publishable(f"{M}/v2", "v2.0.0"), None)


@pytest.mark.parametrize(
    ("go_mod", "why"),
    [
        (b"module example.com/other\n", "is that of"),
        (b"module example.com/m/v2\n", "is that of"),
        (b"go 1.21\n", "no module line"),
        (b"", "no module line"),
        (b"module (", "syntax|expect|block"),
        (b"module example.com/m\nrequire example.com/x\n", "usage"),
    ],
)
def test_a_go_mod_that_go_would_refuse_is_refused(go_mod: bytes, why: str) -> None:
    with pytest.raises(Invalid, match=why) as caught:
        go_mod_of(publishable(M, "v1.0.0"), go_mod)
    assert caught.value.malformed


def test_a_go_mod_is_kept_byte_for_byte() -> None:
    go_mod = b'// a comment\r\nmodule "example.com/m"\n\nfuture directive\nretract v0.9.0\n'
    assert go_mod_of(publishable(M, "v1.0.0"), go_mod) is go_mod
