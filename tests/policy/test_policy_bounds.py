"""Documents of a MiB that were made to take minutes are refused by a bound, and real ones by none."""

from __future__ import annotations

import pytest

from modgate.policy import bounds, lines
from modgate.policy.bounds import check_toml
from modgate.policy.document import parse_policy
from modgate.policy.lines import MAX_SIZE, read_document
from modgate.policy.problems import PolicyInvalid

TOP = "version = 1\n"
DEEP = bounds.TOO_DEEP
LONG = bounds.TOO_LONG
PARTS = "a key has at most 20 parts"
RULE = f'{TOP}[[rules]]\nid = "r"\neffect = "deny"\n[rules.when]\n'

TOML = {
    "a key of 400,000 parts": (TOP + "a." * 400_000 + "a = 1", PARTS),
    "a table of 400,000 parts": (TOP + "[" + "a." * 400_000 + "a]", PARTS),
    "parts with spaces": (TOP + "a . " * 200_000 + "a = 1", PARTS),
    "quoted parts": (TOP + '"a"."b".' * 100_000 + "a = 1", PARTS),
    "parts in a table of a line": (TOP + "b = { " + "a." * 400_000 + "a = 1 }", PARTS),
    "lists in lists": (TOP + "a = " + "[" * 500_000 + "]" * 500_000, DEEP),
    "tables in tables": (TOP + "a = " + "{a=" * 200_000 + "1" + "}" * 200_000, DEEP),
    "a key of a MiB": (TOP + "a" * 1_000_000 + " = 1", LONG),
    "a quoted key of a MiB": (TOP + '["' + "a" * 1_000_000 + '"]', LONG),
    "a number of a MiB": (TOP + "a = 0x" + "f" * 1_000_000, LONG),
    "a text of a MiB": (TOP + 'a = """' + '\\"' * 500_000 + '"""', LONG),
    "an open text": (TOP + "a = '''" + '"\\' * 500_000, LONG),
}

YAML = {
    "lists in lists": ("version: 1\na: " + "[" * 500_000, DEEP),
    "lists in lists by dashes": ("version: 1\na:\n " + "- " * 400_000 + "1", DEEP),
    "a number of sixties": ("version: 1\na: 1" + ":59" * 300_000, LONG),
    "a key of a MiB": ("version: 1\n? " + "a" * 1_000_000 + "\n: {b: 1, c: 1}", LONG),
    "an alias": ("version: 1\na: &a [x]\nb: *a", "aliases (*name) are not understood here"),
}


@pytest.mark.parametrize("name", TOML)
def test_toml_made_to_be_slow_is_refused_before_it_is_read(name: str) -> None:
    text, what = TOML[name]
    assert len(text) <= MAX_SIZE
    with pytest.raises(PolicyInvalid) as caught:
        read_document(text, form="toml", name="p.toml")
    assert [(each.what, each.line) for each in caught.value.problems] == [(what, 2)]


@pytest.mark.parametrize("name", YAML)
def test_yaml_made_to_be_slow_is_refused_before_it_is_built(name: str) -> None:
    text, what = YAML[name]
    with pytest.raises(PolicyInvalid) as caught:
        read_document(text, form="yaml", name="p.yaml")
    (problem,) = caught.value.problems
    assert problem.what == what
    assert problem.line in {2, 3}


def test_the_line_of_a_bound_is_told_where_strings_and_comments_are_above() -> None:
    text = (
        TOP + 'a = \'\'\'\n[[[[\n\'\'\'\nb = """\n\\"""[\n"""\n# ' + "a." * 100 + "\nc" + ".c" * 20 + " = 1\n"
    )
    problem = check_toml(text)
    assert problem is not None
    assert (problem.what, problem.line) == (PARTS, 9)


@pytest.mark.parametrize(
    "text",
    [
        "# " + "." * 5000 + "[" * 5000,
        "a = '" + "." * 4000 + "'",
        'a = "' + '[{\\"' * 900 + '"',
        "a = [" + ", ".join(f'"example.org/{number}.b.c.d/*"' for number in range(9_000)) + "]",
        "a = [" + ", ".join(f"{number}.5" for number in range(9_000)) + "]",
        "a" + ".a" * 19 + " = 1",
        "a = " + "[" * 20 + "]" * 20,
        "\n".join(f"[t{number}]\na.b = 1.5" for number in range(5_000)),
        " " * 10_000 + "a = 1",
    ],
)
def test_what_a_real_document_may_hold_is_within_the_bounds(text: str) -> None:
    assert check_toml(text) is None
    read_document(text, form="toml", name="p.toml")


@pytest.mark.parametrize("number", ["0x" + "f" * 4000, "0b" + "1" * 65, "9" * 4000])
def test_a_number_of_thousands_of_digits_is_refused_wherever_it_stands(number: str) -> None:
    for where in ("version = ", f"{TOP}select = ", f"{RULE}severity = ", f"{TOP}unknown = "):
        with pytest.raises(PolicyInvalid, match="64 bits"):
            parse_policy(where + number)
    with pytest.raises(PolicyInvalid, match="64 bits"):
        parse_policy(f"version: 1\nselect: {number if number[0] == '0' else '0x' + number}", form="yaml")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('age = "< ' + "1" * 4000 + '"', "age"),
        ('age = "' + "<" * 4000 + '"', "age"),
        ('versions = "' + "<" * 4000 + ' v1"', "versions"),
        ('versions = "' + "< " * 2000 + '"', "versions"),
    ],
)
def test_a_value_that_only_a_pattern_would_go_through_is_a_fault_of_its_key(line: str, key: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(RULE + line)
    assert [each.key for each in caught.value.problems] == [f"rules[1].when.{key}"]


def test_operators_may_stand_apart_from_their_versions() -> None:
    assert parse_policy(RULE + 'versions = ">=  v1.0.0 <\tv2.0.0 || = v3.0.0"').rules


def test_names_of_keys_are_kept_up_to_a_bound_and_faults_told_without() -> None:
    long = "k" * 4000
    text = f"{TOP}[groups.{long}]\n" + "\n".join(f"a{number} = 1" for number in range(20_000))
    _, places = read_document(text, form="toml", name="p.toml")
    assert sum(map(len, places)) <= lines._MAX_NAMES + 2 * bounds.MAX_WORD
    with pytest.raises(PolicyInvalid):
        parse_policy(text)


def test_thousands_of_unknown_keys_are_all_counted_and_the_first_explained() -> None:
    text = TOP + "\n".join(f"selec{number} = 1" for number in range(30_000))
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(text)
    assert len(caught.value.problems) == 30_000
    assert "did you mean select?" in caught.value.problems[0].what
    assert caught.value.problems[-1].what == "there is no such key"
