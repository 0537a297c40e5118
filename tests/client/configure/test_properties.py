"""Every file survives byte for byte outside of what was asked for."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from modgate.client.configure.formats import Unwritable, changed, value_in
from modgate.client.configure.gate import upstream_in, with_upstream
from modgate.client.configure.memory import remembered, with_written
from modgate.client.configure.places import Scope, Written
from modgate.client.configure.profile import block_values, with_values
from modgate.client.machine.jsonc import parse
from modgate.client.machine.shell_files import Shell
from modgate.errors import Invalid
from tests.client.machine.test_jsonc import _settings

_NAMES = st.sampled_from(("GOPROXY", "GOSUMDB", "GOFLAGS"))
_VALUES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20
)
_TOOLS = st.dictionaries(
    st.sampled_from(("editor.a", "go.toolsEnvVars", "x")),
    st.dictionaries(
        st.sampled_from(("GOPROXY", "GOFLAGS", "A")), st.text(max_size=5) | st.none(), max_size=3
    ),
    max_size=3,
)


@given(_settings(_TOOLS), _NAMES, _VALUES)
def test_settings_keep_every_byte_but_the_new_ones(text: str, name: str, value: str) -> None:
    source = text.encode()
    after = changed(Scope.VSCODE_USER, "f", source, {name: value}, Shell.BASH)
    before = parse(source).value
    assert isinstance(before, dict)
    tools = before.get("go.toolsEnvVars") or {}
    assert isinstance(tools, dict)
    assert parse(after).value == {**before, "go.toolsEnvVars": {**tools, name: value}}
    node = parse(source).find(["go.toolsEnvVars", name])
    if node is None:
        rest = iter(after.decode())
        assert all(char in rest for char in text)
    else:
        assert after.decode().startswith(text[: node.start])
        assert after.decode().endswith(text[node.end :])
    assert value_in(Scope.VSCODE_USER, "f", after, name, Shell.BASH) == value
    assert changed(Scope.VSCODE_USER, "f", after, {name: value}, Shell.BASH) == after


_LINES = st.sampled_from(
    (
        b"export A=1",
        b"# >>> conda initialize >>>",
        b"",
        b"if true; then",
        b"  fi",
        b"\xff\xfe",
        b"x=\xc3\xbc",
        b"\t",
    )
)
_FILES = st.tuples(st.lists(_LINES, max_size=8), st.sampled_from((b"\n", b"\r\n")), st.booleans()).map(
    lambda parts: parts[1].join(parts[0]) + (parts[1] if parts[2] else b"")
)


@given(_FILES, st.dictionaries(_NAMES, _VALUES, min_size=1), st.sampled_from(list(Shell)))
def test_profiles_keep_every_byte_outside_of_the_block(
    data: bytes, values: dict[str, str], shell: Shell
) -> None:
    once = with_values(data, shell, values)
    assert block_values(once, shell) == values
    assert with_values(once, shell, values) == once
    assert once.startswith(data)
    end = b"\r\n" if data.partition(b"\n")[0].endswith(b"\r") else b"\n"
    assert with_values(once, shell, {}) in {data, data + end}
    assert block_values(with_values(once, shell, values, at_end=True), shell) == values


@given(_FILES, _FILES, _VALUES)
def test_a_block_changes_in_its_place(before: bytes, after: bytes, value: str) -> None:
    start = before if before.endswith(b"\n") or not before else before + b"\n"
    block = with_values(b"", Shell.BASH, {"GOPROXY": "x"})
    changed_to = with_values(b"", Shell.BASH, {"GOPROXY": value})
    if b"\r" in start + after:
        return
    assert with_values(start + block + after, Shell.BASH, {"GOPROXY": value}) in {
        start + changed_to + after,
        start + changed_to + after + b"\n",
    }


def test_a_damaged_block_is_left_alone() -> None:
    for text in (
        b"# >>> modgate >>>\nx\n",
        b"# <<< modgate <<<\n",
        b"# >>> modgate >>>\n# >>> modgate >>>\n# <<< modgate <<<\nmine\n# <<< modgate <<<\n",
    ):
        try:
            with_values(text, Shell.BASH, {"GOPROXY": "x"})
        except Invalid:
            continue
        raise AssertionError(text)


_TOML = st.lists(
    st.sampled_from(('listen = ":3000"', "# upstream = 1", "", "[fetch]", "retries = 3", "[log]")),
    max_size=6,
    unique=True,
).map("\n".join)


@given(_TOML, _VALUES)
def test_the_gates_configuration_keeps_every_byte_but_one_line(text: str, value: str) -> None:
    source = text.encode()
    with suppress(Invalid):
        upstream_in(source)
        after = with_upstream(source, value)
        assert upstream_in(after) == value
        rest = iter(after)
        assert all(byte in rest for byte in source)
        assert with_upstream(after, None).rstrip() == source.rstrip()


def test_an_upstream_that_is_written_otherwise_is_left_alone() -> None:
    for text in (b'"upstream" = "x"\n', b"not toml", b'upstream = """\na"""\n'):
        try:
            changed(Scope.GATE, "f", text, {"": "y"}, Shell.BASH)
        except Unwritable:
            continue
        raise AssertionError(text)


def test_the_oldest_value_is_remembered_until_somebody_else_changes_it() -> None:
    def one(before: str | None, after: str | None) -> Written:
        return Written(Scope.GOENV, "/f", "GOPROXY", before, after)

    first = with_written(None, [one("a", "b")])
    second = with_written(first, [one("b", "c")])
    assert remembered(second) == (one("a", "c"),)
    theirs = with_written(second, [one("z", "d")])
    assert remembered(theirs) == (one("z", "d"),)
    assert with_written(theirs, [one("d", "z")]) is None
