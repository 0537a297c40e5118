"""Versions, module paths and URLs, likely and unlikely."""

from __future__ import annotations

from hypothesis import strategies as st

__all__ = ["module_paths", "queries", "tagged", "urls", "versions"]

_number = st.one_of(st.integers(0, 11), st.integers(0, 10**25)).map(str)
_identifier = st.one_of(_number, st.from_regex(r"[0-9a-zA-Z-]{0,3}[a-zA-Z-]", fullmatch=True))
_dotted = st.lists(_identifier, min_size=1, max_size=3).map(".".join)
_suffix = st.one_of(st.just(""), _dotted.map(lambda text: f"-{text}"))
_build = st.sampled_from(["", "+incompatible", "+meta", "+1.01"])

tagged = st.builds("v{}.{}.{}{}{}".format, _number, _number, _number, _suffix, _build)
"""Valid versions in full."""

versions = st.one_of(tagged, _number.map("v{}".format), st.builds("v{}.{}".format, _number, _number))
"""Valid versions, shorthands included."""

_host = st.from_regex(r"[a-z0-9][a-z0-9-]{0,4}\.[a-z]{2,3}", fullmatch=True)
_element = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._~-]{0,8}[A-Za-z0-9_~-]", fullmatch=True)
_major = st.sampled_from(["", "", "/v2", "/v3", "/v10"])

module_paths = st.builds(
    lambda host, elements, major: "/".join([host, *elements]) + major,
    _host,
    st.lists(_element, max_size=3),
    _major,
)
"""Paths most of which are valid."""

queries = st.one_of(
    versions, st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 #%\[\]^{}$&(),;=@._~+-]{0,12}", fullmatch=True)
)
"""Versions, branches and commits, many of which need encoding in a URL."""

_piece = st.one_of(
    st.sampled_from(
        [
            "/",
            "//",
            "@v",
            "@latest",
            "/@v/",
            "list",
            ".info",
            ".mod",
            ".zip",
            "v1.0.0",
            "!",
            "!a",
            "..",
            "x.y",
        ]
    ),
    st.sampled_from(
        ["%2F", "%5c", "%00", "%21", "%2e", "%25", "%", "%zz", "%ff", "%c3%a9", "\\", "é", "\n", "A"]
    ),
    st.text(max_size=3),
)
urls = st.one_of(
    st.text(),
    st.lists(_piece, max_size=12).map("".join),
    st.builds("/{}/@v/{}{}".format, module_paths, queries, st.sampled_from([".info", ".mod", ".zip"])),
)
"""URL paths, from nearly right to nonsense."""
