"""What the documents say is what the command and the model say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest

from modgate.cli import COMMANDS
from modgate.config import FLAGS, all_keys, load
from modgate.config.load import _OF_THE_COMMANDS
from modgate.firewall.owners import parse_owners
from modgate.policy.document import parse_policy
from tests.docs.tables import BEGIN, END, PAGE, ROOT, configuration

if TYPE_CHECKING:
    from pathlib import Path

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:^|[`\s|&;(])modgate ((?:[a-z]+ ?)+)((?:[^`\n#|&;]|\\\n)*)", re.MULTILINE)


def _named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _code(text: str) -> list[str]:
    """What a person would type: shell blocks, the `$` lines of console blocks, spans."""
    typed = []
    for language, body in _FENCE.findall(text):
        if language in {"sh", "shell"}:
            typed.append(body)
        elif language == "console":
            typed += re.findall(r"^\$ (.*)", body, re.MULTILINE)
    return [*typed, *re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))]


_IN_GROUPS = {
    ("advisories", "affects"),
    ("advisories", "show"),
    ("advisories", "stats"),
    ("audit", "verify"),
    ("audit", "head"),
    ("consumers", "list"),
    ("consumers", "show"),
    ("consumers", "export"),
    ("consumers", "erase"),
    ("waivers", "grant"),
    ("waivers", "list"),
    ("waivers", "revoke"),
    ("config", "show"),
    ("config", "check"),
    ("config", "init"),
    ("config", "schema"),
    ("service", "install"),
    ("service", "status"),
    ("service", "uninstall"),
    ("store", "du"),
    ("store", "ls"),
    ("store", "pin"),
    ("store", "rm"),
    ("store", "unpin"),
    ("mirrors", "ls"),
    ("mirrors", "test"),
    ("sumdb", "keygen"),
    ("sumdb", "verify"),
    ("sumdb", "mirror"),
    ("policy", "check"),
    ("policy", "test"),
    ("policy", "explain"),
    ("policy", "diff"),
    ("policy", "show"),
    ("policy", "schema"),
    ("vcs", "get"),
    ("vcs", "list"),
}


@cache
def _help(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "modgate", *command.split(), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_command_of_a_page_exists_with_its_flags(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for code in _code(text):
        for words, rest in _COMMAND.findall(code):
            command = words.split()
            if command[0] == "help":
                continue
            assert command[0] in COMMANDS, f"modgate {words}"
            shown = _help(" ".join(command[:2]) if tuple(command[:2]) in _IN_GROUPS else command[0])
            for flag in re.findall(r"(?<!\S)(--[a-z][a-z-]*)", rest):
                refused = f"modgate: {flag}: no such flag" in text
                assert refused or re.search(rf"{flag}\b", shown), f"modgate {command[0]} {flag}"


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_link_within_the_project_resolves(page: Path) -> None:
    for target in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path) if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, target


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_target_of_make_that_a_page_names_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for code in _code(page.read_text(encoding="utf-8")):
        for words in re.findall(r"(?:^|&& |\n)make ([a-z ]+)", code):
            assert set(words.split()) <= targets, words


_OF_SCANNERS = {"MODGATE_MODULE", "MODGATE_VERSION", "MODGATE_H"}


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_every_variable_that_a_page_names_exists(page: Path) -> None:
    known = {key.variable for key in all_keys().values()} | _OF_THE_COMMANDS | _OF_SCANNERS
    assert set(re.findall(r"\bMODGATE_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8"))) <= known


def test_the_table_of_keys_is_the_models() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == configuration()


def test_every_key_and_every_flag_is_documented() -> None:
    table = configuration()
    for name in all_keys():
        assert f"| `{name.rpartition('.')[2]}`" in table
    for flag in FLAGS:
        assert f"`{flag}`" in table


def test_the_example_files_of_the_pages_are_valid(tmp_path: Path) -> None:
    count = 0
    for page in PAGES:
        for language, body in _FENCE.findall(page.read_text(encoding="utf-8")):
            if language != "toml":
                continue
            count += 1
            if "version = 1\n" in body:
                parse_policy(body)
                continue
            if "[[teams]]" in body:
                parse_owners(body, "teams.toml")
                continue
            file = tmp_path / f"{count}.toml"
            file.write_text(body, encoding="utf-8")
            load(config_file=file, environ={"HOME": str(tmp_path)}, ask_go=lambda environ: {})  # noqa: ARG005  no go
    assert count


def test_the_example_variables_of_the_configuration_page_are_valid(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    environ = dict(re.findall(r"^export (MODGATE_\w+)=(\S+)$", text, re.MULTILINE))
    assert environ
    load(environ={"HOME": str(tmp_path), **environ}, ask_go=lambda environ: {})  # noqa: ARG005  no go


def test_the_two_readmes_show_the_same_commands() -> None:
    def commands(name: str) -> list[str]:
        blocks = _FENCE.findall((ROOT / name).read_text(encoding="utf-8"))
        lines = [line for language, body in blocks if language == "console" for line in body.splitlines()]
        return [re.sub(r"\s+#.*", "", line) for line in lines if line.startswith("$ ")]

    assert commands("README.md") == commands("README.zh-CN.md")


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    for page in folder.glob("[0-9]*.md"):
        assert f"({page.name})" in index, page.name


def test_the_helpers_of_the_environment_are_executable() -> None:
    for name in ("tools/bootstrap", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), name
