"""Both languages say the same things, and nothing that myths.md forbids."""

from __future__ import annotations

import re

import pytest

from modgate.messages import Catalogue, Language, Message, areas, language_from, texts_of
from tests.messages.reading import every_text, placeholders

ENGLISH = every_text(Language.ENGLISH)
CHINESE = every_text(Language.CHINESE)
BOTH = [(language, key, text) for language in Language for key, text in every_text(language).items()]

HAN = re.compile(r"[\u3400-\u9fff]")
NOT_WORDS = re.compile(r"\{[^{}]*\}|`[^`]*`|https?://\S+|[\w./-]*[/._=-][\w./-]*")

BAD_ADVICE = {
    "verification off": re.compile(
        r"(?:env -w|export|set|setx|\$env:)\s*\"?(?:GOSUMDB\s*=\s*'?off|GONOSUMDB\s*=\s*'?\*)", re.IGNORECASE
    ),
    "verification off for one command": re.compile(r"(?:^|[：:;（(]\s*)GOSUMDB=off\s+go\b"),
    "a variable that go does not have": re.compile(r"GONOSUMCHECK"),
    "unencrypted fetching": re.compile(r"GOINSECURE=|-insecure\b"),
    "SIP switched off": re.compile(r"csrutil\s+disable"),
    "the editor's sandbox": re.compile(r"--no-sandbox"),
    "TLS unchecked": re.compile(r"sslVerify|curl (?:-\w*k|--insecure)|StrictHostKeyChecking|strict-ssl"),
    "mirrors that do not exist": re.compile(r"mirrors\.(?:tuna|ustc)\S*/goproxy|proxy\.go\.dev"),
    "HTML as the checksum database's name": re.compile(r"GOSUMDB=https?://"),
    "a child-proof permission": re.compile(r"chmod (?:-R )?777"),
}


def test_both_languages_have_the_same_files() -> None:
    assert areas(Language.ENGLISH) == areas(Language.CHINESE)


def test_both_languages_have_the_same_keys() -> None:
    only_english = sorted(set(ENGLISH) - set(CHINESE))
    only_chinese = sorted(set(CHINESE) - set(ENGLISH))
    assert (only_english, only_chinese) == ([], [])


def test_both_languages_want_the_same_values() -> None:
    differing = {
        key: (placeholders(text), placeholders(CHINESE[key]))
        for key, text in ENGLISH.items()
        if not key.startswith("cause_") and placeholders(text) != placeholders(CHINESE.get(key, text))
    }
    assert differing == {}


def test_placeholders_are_plain_names() -> None:
    odd = {
        (language, key): name
        for language, key, text in BOTH
        for name in placeholders(text)
        if not name.isidentifier()
    }
    assert odd == {}


def test_no_text_is_empty_or_has_blanks_at_its_ends() -> None:
    """But for a question, whose answer is typed behind its blank, and for what joins the items of a list."""
    trimmed = [(language, key, re.sub(r" ?\[y/N\] $", "", text)) for language, key, text in BOTH]
    loose = [(language, key) for language, key, text in trimmed if not text or text != text.strip()]
    assert [(language, key) for language, key in loose if re.search(r"\w", every_text(language)[key])] == []


def test_english_texts_are_english() -> None:
    assert [key for key, text in ENGLISH.items() if HAN.search(text)] == []


def test_chinese_texts_are_chinese() -> None:
    """Up to three words may be names and commands alone."""
    words = re.compile(r"\b[A-Za-z]?[a-z]{3,}\b")
    untranslated = [
        key
        for key, text in CHINESE.items()
        if not HAN.search(text) and len(words.findall(NOT_WORDS.sub("", text))) > 3
    ]
    assert untranslated == []


def test_chinese_punctuation_is_full_width() -> None:
    mixed = [key for key, text in CHINESE.items() if re.search(r"[\u3400-\u9fff][,;:!?]", text)]
    assert mixed == []


@pytest.mark.parametrize("kind", sorted(BAD_ADVICE))
def test_no_text_gives_bad_advice(kind: str) -> None:
    assert [(language, key) for language, key, text in BOTH if BAD_ADVICE[kind].search(text)] == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("verification off", "run: go env -w GOSUMDB=off"),
        ("verification off", "export GONOSUMDB=*"),
        ("verification off for one command", "this once: GOSUMDB=off go get"),
        ("unencrypted fetching", "go env -w GOINSECURE=host"),
        ("TLS unchecked", "git config http.sslVerify false"),
        ("TLS unchecked", "curl -sk https://host"),
        ("SIP switched off", "csrutil disable"),
        ("mirrors that do not exist", "https://mirrors.tuna.tsinghua.edu.cn/goproxy/"),
    ],
)
def test_bad_advice_would_be_seen(kind: str, text: str) -> None:
    assert BAD_ADVICE[kind].search(text)


def test_a_message_among_the_values_is_said_in_the_same_language() -> None:
    inner = Message("cause_dns.007.fix")
    outer = Message("cause_vcs.005.title", {"unused": inner})
    chinese = Catalogue(Language.CHINESE)
    assert chinese.say(outer) == CHINESE["cause_vcs.005.title"]
    said = chinese.say(Message("cause_cfg.030.text", {"command": "go env", "text": inner}))
    assert CHINESE["cause_dns.007.fix"] in said


def test_a_value_from_outside_is_never_read_as_a_template() -> None:
    said = Catalogue(Language.ENGLISH)("cause_cfg.030.text", command="{0.__class__}", text="{text}")
    assert "{0.__class__}" in said


def test_a_key_that_is_not_there_is_an_error() -> None:
    english = Catalogue(Language.ENGLISH)
    assert not english.knows("cause_dns.999.title")
    assert not english.knows("nothing.at.all")
    with pytest.raises(KeyError):
        english("nothing.at.all")
    with pytest.raises(KeyError):
        texts_of(Language.ENGLISH, "../en/cause_dns")


@pytest.mark.parametrize(
    ("environ", "asked", "language"),
    [
        ({}, None, Language.ENGLISH),
        ({"LANG": "zh_CN.UTF-8"}, None, Language.CHINESE),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, None, Language.ENGLISH),
        ({"LANG": "C", "LC_MESSAGES": "zh_TW.UTF-8"}, None, Language.CHINESE),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, None, Language.CHINESE),
        ({"LC_ALL": "zh_CN.UTF-8", "MODGATE_LANG": "en"}, None, Language.ENGLISH),
        ({"LC_ALL": "zh_CN.UTF-8"}, "en", Language.ENGLISH),
        ({}, "zh", Language.CHINESE),
    ],
)
def test_the_language_is_the_first_that_is_named(
    environ: dict[str, str], asked: str | None, language: Language
) -> None:
    assert language_from(environ, asked) is language
