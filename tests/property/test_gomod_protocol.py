from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from modgate.errors import Invalid, Unavailable
from modgate.gomod import module, patterns, proxylist
from modgate.gomod.info import Info, encode_info, parse_info
from modgate.gomod.protocol import Kind, checked, parse
from modgate.gomod.versionlist import encode_list, parse_list
from tests.property.gomod_strategies import module_paths, queries, urls, versions

MODULE = module.check_path("x.y/z")


@given(st.one_of(module_paths, st.text()))
def test_unescaping_undoes_escaping(path: str) -> None:
    try:
        escaped = module.escape_path(path)
    except Invalid:
        return
    assert module.unescape_path(escaped) == path
    assert escaped == escaped.lower()


@given(st.one_of(queries, st.text()))
def test_unescaping_a_version_undoes_escaping(version: str) -> None:
    try:
        escaped = module.escape_version(version)
    except Invalid:
        return
    assert module.unescape_version(escaped) == version
    assert escaped == escaped.lower()


@given(st.sampled_from(Kind), module_paths, queries)
def test_a_request_survives_its_url(kind: Kind, path: str, version: str) -> None:
    try:
        request = checked(kind, path, "" if kind in {Kind.LIST, Kind.LATEST} else version)
    except Invalid:
        return
    assert parse(request.url_path) == request
    assert parse("/" + request.url_path.replace("!", "%21")) == request
    assert request.immutable == (request.kind in {Kind.INFO, Kind.MOD, Kind.ZIP})


@given(urls)
def test_a_url_is_a_request_that_stays_in_its_folder_or_invalid(url: str) -> None:
    try:
        request = parse(url)
    except Invalid as error:
        assert all(line.isprintable() for line in error.lines())  # noqa: PT017  any input may be valid
        return
    assert parse(request.url_path) == request
    elements = request.url_path.split("/")
    assert not {"", ".", ".."} & set(elements)
    assert request.url_path.isascii()


@given(st.one_of(st.text(), module_paths))
def test_a_checked_path_is_also_an_import_path_and_a_file_path(path: str) -> None:
    try:
        module.check_path(path)
    except Invalid:
        return
    assert module.check_import_path(path) == path
    assert module.check_file_path(path) == path


@given(st.one_of(st.text(), module_paths))
def test_splitting_a_path_loses_nothing(path: str) -> None:
    prefix, major, _ = module.split_path_version(path)
    assert prefix + major == path


@given(st.binary(), st.one_of(st.none(), versions))
def test_any_bytes_are_an_info_or_a_bad_answer(data: bytes, asked: str | None) -> None:
    with contextlib.suppress(Unavailable):
        parse_info(data, asked=asked)


def _objects(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.lists(st.tuples(st.text(), values), unique_by=lambda pair: pair[0].casefold()).map(dict)


_scalars: st.SearchStrategy[object] = st.one_of(st.none(), st.booleans(), st.integers(), st.text())


@given(versions, _objects(st.recursive(_scalars, _objects, max_leaves=8)))
def test_an_info_survives_its_json(version: str, origin: dict[str, object]) -> None:
    full = module.canonical_version(version)
    bare = parse_info(b'{"Version":"%s"}' % full.encode(), asked=full)
    info = Info(bare.version, "2024-01-01T00:00:00Z", origin)
    assert parse_info(encode_info(info), asked=full) == info


@given(
    st.one_of(
        st.binary(),
        st.lists(st.one_of(versions, st.text())).map(lambda v: "\n".join(v).encode("utf-8", "replace")),
    )
)
def test_any_bytes_are_a_list_or_a_bad_answer(data: bytes) -> None:
    try:
        listed = parse_list(data, MODULE)
    except Unavailable:
        return
    assert parse_list(encode_list(listed), MODULE) == listed


_glob = st.text(alphabet="ab/*?[]^-\\,.", max_size=12)


@given(_glob, st.text(alphabet="ab/.-", max_size=8))
def test_any_text_is_a_pattern_that_matches_or_not(globs: str, target: str) -> None:
    assert patterns.match_prefix_patterns(globs, target) in {True, False}
    for glob in patterns.malformed_patterns(globs):
        assert not patterns.match_prefix_patterns(glob, target)


@given(st.one_of(st.text(), st.text(alphabet="htps:/@.,|ab1 %?#[]", max_size=40)))
def test_any_text_is_a_chain_or_invalid(text: str) -> None:
    try:
        entries = proxylist.parse_proxy_list(text)
    except Invalid as error:
        assert all(line.isprintable() for line in error.lines())  # noqa: PT017  any input may be valid
        return
    assert proxylist.parse_proxy_list(proxylist.format_proxy_list(entries)) == entries
