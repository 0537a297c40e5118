"""The pure decisions: conformance of single answers, the rule of the ranking, lag, names that are typed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.client.findings import Phase
from modgate.client.mirrors.asker import failure_word, referers, sample_of, transfer_of
from modgate.client.mirrors.conformance import CHECKS, REQUIRED, judge
from modgate.client.mirrors.freshness import compared, newest_of, seconds_of
from modgate.client.mirrors.known import find_mirror
from modgate.client.mirrors.naming import target_for, unique
from modgate.client.mirrors.ranking import MODEL_BYTES, MODEL_WARM, Tier, rank
from modgate.client.mirrors.results import Check, Database, Freshness, MirrorResult, Outcome
from modgate.client.mirrors.subject import DEFAULT, Subject, subject_of
from modgate.client.mirrors.words import cleaned
from modgate.client.net.facts import Exchange, Failure, FailureKind, Step
from modgate.errors import Invalid
from modgate.gomod import semver
from modgate.gomod.protocol import Kind
from modgate.messages import Catalogue, Language
from tests.client.mirrors.documents import fill

SUBJECT = Subject("example.com/M", "v1.2.0", ("example.com/M", "v1.2.0"))
TEXT = {"content-type": "text/plain; charset=utf-8"}
SAY = Catalogue(Language.ENGLISH)


def _said(
    body: bytes = b"", status: int = 200, headers: dict[str, str] | None = None, **more: Any
) -> Exchange:
    return Exchange(
        "https://m.example/x",
        status,
        TEXT if headers is None else headers,
        body,
        len(body),
        complete=True,
        **more,
    )


def _outcome(name: str, asked: str, answer: Exchange) -> Outcome:
    return next(check.outcome for check in judge({asked: answer}, SUBJECT) if check.name == name)


GOOD, BAD, UNTESTED = Outcome.PASS, Outcome.FAIL, Outcome.UNTESTED
INFO = b'{"Version":"v1.2.0"}'
HTML = b"<html><body>Welcome</body></html>"


@pytest.mark.parametrize(
    ("name", "asked", "answer", "expected"),
    [
        ("list", "list", _said(b"v1.0.0\nv1.2.0\n"), GOOD),
        ("list", "list", _said(b""), GOOD),
        ("list", "list", _said(HTML), BAD),
        ("list", "list", _said(b"hello world\n"), BAD),
        ("list", "list", _said(b"", 404), BAD),
        ("list", "list", _said(b"", 502), UNTESTED),
        ("list-type", "list", _said(b"", headers={"content-type": "text/html"}), BAD),
        ("list-type", "list", _said(b"", headers={"content-type": "Text/Plain"}), GOOD),
        ("info", "info", _said(INFO), GOOD),
        ("info", "info", _said(b'{"version":"v1.2.0"}'), GOOD),
        ("info", "info", _said(b'{"Version":"v1.2.1"}'), BAD),
        ("info", "info", _said(b"{"), BAD),
        ("info", "info", _said(HTML), BAD),
        ("mod", "mod", _said(b"// c\nmodule example.com/M\n"), GOOD),
        ("mod", "mod", _said(b'module "example.com/M"\n'), GOOD),
        ("mod", "mod", _said(b"module example.com/m\n"), BAD),
        ("mod", "mod", _said(HTML), BAD),
        ("zip", "zip", _said(HTML), BAD),
        ("zip", "zip", _said(b"PK\x03\x04 and nothing more"), BAD),
        ("zip", "zip", replace(_said(b"PK\x03\x04 cut at a limit"), complete=False), UNTESTED),
        ("escaped", "escaped", _said(INFO), GOOD),
        ("escaped", "escaped", _said(b"", 404), BAD),
        ("absent", "absent", _said(b"not found", 404), GOOD),
        ("absent", "absent", _said(b"gone", 410), GOOD),
        ("absent", "absent", _said(HTML, 404), BAD),
        ("absent", "absent", _said(b"", 404, {"content-type": "text/html"}), BAD),
        ("absent", "absent", _said(INFO), BAD),
        ("absent", "absent", _said(b"", 403), BAD),
        ("latest", "latest", _said(INFO), GOOD),
        ("latest", "latest", _said(b"", 404), UNTESTED),
        ("latest", "latest", _said(HTML), BAD),
        ("head", "head", _said(b""), GOOD),
        ("head", "head", _said(b"", 405), BAD),
        ("encoding", "mod", _said(b"", headers={"content-encoding": "gzip"}), BAD),
        ("encoding", "mod", _said(b"", headers={"content-encoding": "identity"}), GOOD),
        ("redirects", "mod", _said(b""), GOOD),
        (
            "redirects",
            "mod",
            Exchange("https://m.example", failure=Failure(Phase.STATUS, FailureKind.REDIRECT, "stopped")),
            BAD,
        ),
    ],
)
def test_each_answer_is_judged_by_its_rule(
    name: str, asked: str, answer: Exchange, expected: Outcome
) -> None:
    assert _outcome(name, asked, answer) is expected


def test_what_was_not_asked_is_not_tested() -> None:
    assert {check.outcome for check in judge({}, SUBJECT)} == {UNTESTED}
    assert [check.name for check in judge({}, SUBJECT)] == list(CHECKS)
    assert set(CHECKS) >= REQUIRED


def test_the_absence_of_a_sample_that_the_person_did_not_name_is_no_fault() -> None:
    subject = Subject("example.com/m", "v1.2.0")
    checks = judge({"escaped": _said(b"", 404)}, subject)
    assert next(check.outcome for check in checks if check.name == "escaped") is UNTESTED


@given(st.text())
def test_words_of_a_server_are_one_short_printable_line(text: str) -> None:
    shown = cleaned(text)
    assert shown.isprintable()
    assert len(shown) <= 120


def _result(name: str = "m", **changes: Any) -> MirrorResult:
    result = MirrorResult(name, f"https://{name}", None)
    filling = {key: changes.pop(key) for key in ("latency", "rate", "fail_every") if key in changes}
    fill(result, **filling)
    for key, value in changes.items():
        setattr(result, key, value)
    return result


def _tier(result: MirrorResult) -> tuple[Tier, list[str]]:
    ranked = rank([result])[0]
    return ranked.tier, [reason.key.rpartition(".")[2] for reason in ranked.reasons]


def test_each_fault_has_its_tier_and_its_reason() -> None:
    lag = {"m": Freshness("m", "v1.0.0", behind=2, days=3.0)}
    broken = [Check("zip", Outcome.FAIL, "no zip")]
    assert _tier(_result()) == (Tier.SOUND, [])
    assert _tier(_result(freshness=lag)) == (Tier.RESERVED, ["lag"])
    assert _tier(_result(fail_every=3)) == (Tier.RESERVED, ["failures"])
    assert _tier(_result(database=Database(404))) == (Tier.NO_DATABASE, ["no-database"])
    assert _tier(_result(database=Database(200, 5))) == (Tier.NO_DATABASE, ["database-broken"])
    assert _tier(_result(checks=broken)) == (Tier.NONCONFORMING, ["conformance"])
    assert _tier(_result(status_existing=404)) == (Tier.NONCONFORMING, ["bogus"])
    assert _tier(MirrorResult("m", "u", reachable=False, trouble="dns/timeout")) == (
        Tier.UNMEASURED,
        ["unreachable"],
    )


def test_manners_do_not_cost_a_place() -> None:
    rude = [Check(name, Outcome.FAIL) for name in CHECKS if name not in REQUIRED]
    assert _tier(_result(checks=rude)) == (Tier.SOUND, [])


def test_a_lag_of_hours_is_none() -> None:
    assert _tier(_result(freshness={"m": Freshness("m", "v1.0.0", behind=1, days=0.4)}))[0] is Tier.SOUND


def test_reliability_comes_before_speed_and_speed_decides_within_a_tier() -> None:
    results = [
        _result("fast-without-database", latency=0.001, database=Database(404)),
        _result("slow", latency=0.3),
        _result("fast", latency=0.02),
        _result("fast-and-broken", latency=0.001, checks=[Check("mod", Outcome.FAIL)]),
        _result("lossy", latency=0.001, fail_every=2),
    ]
    assert [ranked.result.name for ranked in rank(results)] == [
        "fast",
        "slow",
        "lossy",
        "fast-without-database",
        "fast-and-broken",
    ]


@given(st.lists(st.tuples(st.floats(0.001, 1), st.floats(1e4, 1e8)), min_size=2, max_size=6))
def test_within_a_tier_the_typical_download_orders(mirrors: list[tuple[float, float]]) -> None:
    results = [_result(f"m{at}", latency=latency, rate=rate) for at, (latency, rate) in enumerate(mirrors)]
    seconds = [ranked.seconds or 0.0 for ranked in rank(results)]
    assert seconds == sorted(seconds)


def test_the_model_is_one_cold_request_twenty_warm_ones_and_eight_mebibytes() -> None:
    result = _result(latency=0.1, rate=1e6)
    ranked = rank([result])[0]
    assert (MODEL_WARM, MODEL_BYTES) == (20, 8 << 20)
    assert ranked.seconds == pytest.approx(0.2 + 20 * 0.1 + (8 << 20) / 1e6, rel=0.05)


RELEASES = st.lists(
    st.builds(lambda a, b: f"v1.{a}.{b}", st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8
)


@given(st.lists(RELEASES, min_size=2, max_size=4))
def test_behind_counts_the_releases_of_the_others_that_are_newer(lists: list[list[str]]) -> None:
    known = {
        f"m{at}": Freshness("m", newest_of(versions, ""), versions=tuple(versions))
        for at, versions in enumerate(lists)
    }
    everything = {version for versions in lists for version in versions}
    for name, fresh in compared(known, {}, 0.0).items():
        newer = [v for v in everything if semver.compare(v, known[name].newest) > 0]
        assert fresh.behind == len(newer)
        assert fresh.days is None
    assert 0 in {fresh.behind for fresh in compared(known, {}, 0.0).values()}


def test_pre_releases_do_not_make_the_others_old() -> None:
    assert newest_of(["v1.0.0", "v1.1.0-rc.1"], "v1.0.0") == "v1.0.0"
    assert newest_of([], "v0.0.0-20240506070809-abcdefabcdef") == "v0.0.0-20240506070809-abcdefabcdef"
    assert newest_of([], "") == ""


def test_times_are_read_and_nonsense_is_not() -> None:
    assert seconds_of("1970-01-02T00:00:00Z") == 86400
    assert seconds_of("1970-01-01T01:00:00+01:00") == 0
    assert seconds_of("yesterday") is None


def test_a_failure_is_a_phase_and_a_kind_and_an_absence_is_none() -> None:
    assert failure_word(Exchange("u", failure=Failure(Phase.TLS, FailureKind.RESET))) == "tls/reset"
    assert failure_word(_said(b"", 503)) == "status/503"
    assert failure_word(_said(b"", 429)) == "status/429"
    assert failure_word(_said(b"", 404)) == ""


def test_a_sample_ends_at_the_head() -> None:
    steps = (Step("connect", 0.1), Step("first-byte", 0.2), Step("body", 5.0))
    assert sample_of(_said(b"x", steps=steps), 0, cold=True).seconds == pytest.approx(0.3)


def test_a_rate_needs_a_body_of_some_size() -> None:
    body = (Step("body", 0.5),)
    assert transfer_of(replace(_said(b"", steps=body), size=1 << 20)).rate == (1 << 21)
    assert transfer_of(replace(_said(b"", steps=body), size=100)).rate == 0


def test_a_referer_holds_neither_credentials_nor_a_query() -> None:
    answer = Exchange(
        "https://u:p@a.example/m.zip",
        redirects=("https://a.example/other", "https://cdn.example/x?sig=1", "https://b.example/y"),
    )
    assert referers(answer) == (
        ("https://a.example/other", "cdn.example"),
        ("https://cdn.example/x", "b.example"),
    )


def test_a_subject_is_a_module_with_or_without_a_version() -> None:
    assert subject_of("example.com/a@v1.0.0").version == "v1.0.0"
    assert subject_of("example.com/a").version == ""
    assert subject_of("example.com/A@v1.0.0").escaped == ("example.com/A", "v1.0.0")
    assert subject_of("example.com/a@v1.0.0").escaped == DEFAULT.escaped
    for text in ("a b", "example.com/a@", "example.com/a@main", "example.com/a/v2@v1.0.0", ""):
        with pytest.raises(Invalid):
            subject_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "example.com/a@v1.2.3",
        "example.com/a/v3@v3.0.1",
        "gopkg.in/yaml.v3@v3.0.1",
        "example.com/a@v4.0.0+incompatible",
    ],
)
def test_the_absent_version_fits_the_path(text: str) -> None:
    subject = subject_of(text)
    assert subject.absent_version != subject.version
    assert subject.url("https://m", Kind.INFO, subject.path, subject.absent_version)


def test_names_hosts_and_urls_are_understood_and_slips_are_led_to_the_nearest() -> None:
    known = find_mirror("aliyun")
    assert known is not None
    for text in ("aliyun", "mirrors.aliyun.com", "https://mirrors.aliyun.com/goproxy/"):
        assert target_for(text, SAY).url == known.url
    assert target_for("https://u:p@m.example/go/", SAY).name == "m.example"
    assert target_for("m.example:8080", SAY).url == "https://m.example:8080"
    with pytest.raises(Invalid) as slip:
        target_for("gopoxy.cn", SAY)
    assert "goproxy.cn" in slip.value.next_step
    for text in ("direct", "off", "file:///x", "alyn", "https://a,https://b", "ftp://x.example"):
        with pytest.raises(Invalid):
            target_for(text, SAY)


def test_two_urls_of_one_host_get_names_of_their_own() -> None:
    targets = [target_for(f"https://u:p@m.example/{path}", SAY) for path in ("a", "b", "a")]
    assert [target.name for target in unique(targets)] == ["m.example/a", "m.example/b"]
