"""The data file keeps its promises, and addresses are judged by host and path."""

from __future__ import annotations

import datetime as dt

import pytest

from modgate.client.mirrors.known import (
    FIELDS,
    bogus_mirrors,
    data_date,
    find_mirror,
    known_bogus,
    known_mirrors,
    nearest_mirror,
)
from modgate.messages import Catalogue, Language


def test_each_statement_has_a_day_and_either_a_source_or_no_claim_to_be_verified() -> None:
    for mirror in known_mirrors():
        assert [fact.field for fact in mirror.facts] == list(FIELDS), mirror.name
        for fact in mirror.facts:
            assert dt.date.fromisoformat(fact.date) <= dt.date.fromisoformat(data_date())
            assert fact.verified == fact.source.startswith("https://")


def test_every_mirror_of_the_table_is_known_once_and_is_not_bogus() -> None:
    urls = [mirror.url for mirror in known_mirrors()]
    assert len(set(urls)) == len(urls)
    assert "https://goproxy.cn" in urls
    for url in urls:
        assert not url.endswith("/")
        assert known_bogus(url) is None
        assert known_bogus(url + "/") is None


@pytest.mark.parametrize("language", list(Language))
def test_every_word_of_the_data_has_a_text(language: Language) -> None:
    say = Catalogue(language)
    for mirror in known_mirrors():
        for note in mirror.notes:
            assert say(f"mirrors.note.{note}")
        for fact in mirror.facts:
            assert say(f"mirrors.field.{fact.field}")
            assert fact.value.startswith("https://") or say(f"mirrors.value.{fact.value}")
    for entry in bogus_mirrors():
        assert say.say(entry.reason)


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("https://mirrors.tuna.tsinghua.edu.cn/goproxy/", ""),
        ("mirrors.tuna.tsinghua.edu.cn/goproxy", ""),
        ("https://MIRRORS.ustc.edu.cn/goproxy/", ""),
        ("https://proxy.go.dev", "https://proxy.golang.org"),
        ("https://mirrors.aliyun.com/go", "https://mirrors.aliyun.com/goproxy"),
        ("https://mirrors.aliyun.com/", "https://mirrors.aliyun.com/goproxy"),
        ("https://mirrors.aliyun.com/goproxyx", "https://mirrors.aliyun.com/goproxy"),
        ("https://mirrors.huaweicloud.com/goproxy/", "https://mirrors.huaweicloud.com/repository/goproxy"),
        ("https://mirrors.cloud.tencent.com/goproxy", "https://mirrors.cloud.tencent.com/go"),
        ("https://sum.golang.google.cn", ""),
        ("https://user:word@sum.golang.org/", ""),
    ],
)
def test_an_address_that_is_no_mirror_is_told_with_the_one_that_was_meant(url: str, instead: str) -> None:
    found = known_bogus(url)
    assert found is not None
    assert found.instead == instead
    assert Catalogue(Language.ENGLISH).say(found.reason) != Catalogue(Language.CHINESE).say(found.reason)


@pytest.mark.parametrize(
    "url",
    [
        "https://goproxy.cn",
        "https://proxy.golang.org/cached-only",
        "http://127.0.0.1:3000",
        "https://goproxy.corp.example/go",
        "direct",
        "",
        "https://[::1",
        "https://a:b:c",
    ],
)
def test_nothing_is_said_against_other_addresses_or_nonsense(url: str) -> None:
    assert known_bogus(url) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("https://goproxy.cm", "goproxy.cn"),
        ("https://gopoxy.cn/", "goproxy.cn"),
        ("gproxy.io", "goproxy.io"),
        ("proxy.golang.com", "proxy.golang.org"),
        ("alyun", "aliyun"),
        ("https://mirrors.aliyuncs.com/goproxy", "aliyun"),
    ],
)
def test_a_misspelt_host_leads_to_the_mirror_that_was_meant(typed: str, meant: str) -> None:
    found = nearest_mirror(typed)
    assert found is not None
    assert found.name == meant


@pytest.mark.parametrize(
    "typed", ["goproxy.cn", "https://mirrors.aliyun.com/go", "sum.golang.org", "proxy.corp.example", "", "x"]
)
def test_what_is_right_or_something_else_is_not_corrected(typed: str) -> None:
    assert nearest_mirror(typed) is None


def test_a_mirror_is_found_by_name_host_and_url() -> None:
    for text in ("aliyun", "mirrors.aliyun.com", "https://mirrors.aliyun.com/goproxy/", "ALIYUN"):
        found = find_mirror(text)
        assert found is not None
        assert found.url == "https://mirrors.aliyun.com/goproxy"
    assert find_mirror("https://elsewhere.example") is None
