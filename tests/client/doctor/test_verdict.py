"""One root cause out of many findings: the relations, and what holds for any findings at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.client.causes import (
    checksum,
    config,
    connect,
    content,
    dns,
    editor,
    headers,
    proxy,
    status,
    system,
    tls,
    toolchain,
    vcs,
)
from modgate.client.doctor.verdict import Ground, judge, rank
from modgate.client.findings import Cause, Finding, Impact, Severity
from modgate.messages import Message
from tests.client.doctor.cases import findings, found, ground, grounds


def _root(*given: Finding, on: Ground | None = None) -> str:
    root = judge(given, on or ground()).root
    return root.cause.id if root else ""


@given(st.lists(findings(), max_size=12), grounds(), st.randoms())
def test_the_verdict_does_not_depend_on_the_order_of_findings(
    many: list[Finding], on: Ground, dice: object
) -> None:
    shuffled = list(many)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = judge(many, on), judge(shuffled, on)
    assert one.root == other.root
    assert [finding.cause for finding in one.causes] == [finding.cause for finding in other.causes]


@given(st.lists(findings(), max_size=12), grounds())
def test_every_finding_is_told_once(many: list[Finding], on: Ground) -> None:
    verdict = judge(many, on)
    told = [*verdict.causes, *(item.finding for item in verdict.consequences), *verdict.notes]
    assert {finding.cause for finding in told} == {finding.cause for finding in many}
    assert len(told) <= len(many)
    proofs = {proof for finding in told for proof in finding.evidence}
    assert proofs == {proof for finding in many for proof in finding.evidence}


@given(st.lists(findings(), min_size=1, max_size=12), grounds())
def test_faults_have_a_root_and_the_root_is_one_that_nothing_explains(
    many: list[Finding], on: Ground
) -> None:
    verdict = judge(many, on)
    assert (verdict.root is None) == (not verdict.causes)
    if verdict.consequences:
        assert verdict.causes
    for item in verdict.consequences:
        assert item.of in verdict.causes
    assert list(verdict.causes) == sorted(verdict.causes, key=rank)


@given(st.lists(findings(), max_size=12), grounds())
def test_the_root_has_the_highest_impact_of_all_faults(many: list[Finding], on: Ground) -> None:
    verdict = judge(many, on)
    faults = [*verdict.causes, *(item.finding for item in verdict.consequences)]
    if verdict.root is not None:
        assert verdict.root.impact == max(finding.impact for finding in faults)


@given(st.lists(findings(), max_size=8))
def test_notes_alone_leave_a_machine_healthy(many: list[Finding]) -> None:
    notes = [
        Finding(f.cause, f.values, Impact.NOTE, f.confidence, f.evidence, f.subject, severity=Severity.NOTE)
        for f in many
    ]
    assert judge(notes, ground()).healthy


def test_nothing_found_is_healthy() -> None:
    assert judge([], ground()).healthy


@pytest.mark.parametrize(
    ("cause", "effect"),
    [
        (found(connect.OFFLINE, "", subject=""), found(dns.RESOLVER_TIMEOUT)),
        (found(connect.OFFLINE, "", subject=""), found(connect.TIMEOUT)),
        (found(connect.OFFLINE, "", subject=""), found(checksum.DATABASE_UNREACHABLE, "sum.test")),
        (found(system.CLOCK_WRONG, subject="clock"), found(tls.NOT_YET_VALID)),
        (found(system.CLOCK_WRONG, subject="clock"), found(tls.EXPIRED)),
        (found(proxy.UNREACHABLE, subject="http://proxy.test:3128"), found(connect.TIMEOUT)),
        (found(proxy.AUTH_REQUIRED, subject="http://proxy.test"), found(checksum.DATABASE_UNREACHABLE)),
        (
            found(proxy.MALFORMED, subject="HTTPS_PROXY"),
            found(proxy.UNREACHABLE, subject="http://proxy.test"),
        ),
        (found(dns.POISONED), found(connect.TIMEOUT)),
        (found(dns.POISONED), found(tls.WRONG_NAME)),
        (found(dns.POISONED), found(tls.UNKNOWN_AUTHORITY)),
        (found(system.HOSTS_FILE, severity=Severity.ERROR), found(dns.BOGON)),
        (found(dns.RESOLVER_REFUSED, server="s"), found(dns.NO_SUCH_HOST, "second.test", server="s")),
        (found(tls.INTERCEPTED, "other.test", impact=Impact.RISK), found(tls.UNKNOWN_AUTHORITY)),
        (found(system.NO_CA_STORE, subject="ca"), found(tls.UNKNOWN_AUTHORITY)),
        (found(tls.SNI_BLOCKED), found(tls.RESET)),
        (found(connect.TIMEOUT), found(headers.STALL)),
        (found(content.PORTAL), found(content.NOT_A_ZIP)),
        (found(content.PORTAL), found(checksum.BAD_ANSWER)),
        (found(checksum.DATABASE_TIMEOUT, "sum.test"), found(connect.TIMEOUT, "sum.test")),
        (found(config.SUMDB_MALFORMED, subject="GOSUMDB"), found(checksum.DATABASE_UNREACHABLE)),
        (found(config.KNOWN_BOGUS, value="https://first.test/x", subject="GOPROXY"), found(status.NOT_FOUND)),
        (
            found(config.PRIVATE_MISSING, module="corp.test/a", subject="corp.test/a"),
            found(checksum.NOT_IN_DATABASE, module="corp.test/a@v1.0.0", subject="corp.test/a"),
        ),
        (
            found(config.FILE_CRLF, path="/home/me/go/env", subject="/home/me/go/env"),
            found(config.NOT_A_URL, source="/home/me/go/env:3", subject="GOPROXY"),
        ),
        (found(vcs.NO_CREDENTIALS, "git.test"), found(vcs.NETRC_MISSING, "git.test")),
        (found(vcs.PROGRAM_MISSING, subject="git"), found(vcs.FETCH_FAILED, "git.test")),
        (found(connect.REFUSED), found(toolchain.UNREACHABLE)),
    ],
    ids=lambda finding: finding.cause.id,
)
def test_a_cause_explains_its_effect_and_takes_its_place(cause: Finding, effect: Finding) -> None:
    verdict = judge([effect, cause], ground("https://first.test", sumdb_idle=False))
    assert verdict.root is not None
    assert verdict.root.cause is cause.cause
    assert verdict.root.impact == max(cause.impact, effect.impact)
    assert [item.finding.cause for item in verdict.consequences] == [effect.cause]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (found(dns.POISONED), found(connect.TIMEOUT, "sum.test")),
        (found(system.CLOCK_WRONG, subject="clock"), found(tls.WRONG_NAME)),
        (found(connect.IPV6_BROKEN, impact=Impact.DEGRADES), found(tls.RESET)),
        (
            found(config.PRIVATE_MISSING, module="corp.test/a", subject="corp.test/a"),
            found(status.NO_SUCH_VERSION, module="other.test/b", subject="other.test/b"),
        ),
    ],
    ids=lambda finding: finding.cause.id,
)
def test_unrelated_faults_stay_two(one: Finding, other: Finding) -> None:
    verdict = judge([one, other], ground("https://first.test", sumdb_idle=False))
    assert len(verdict.causes) == 2
    assert not verdict.consequences


def test_what_stops_every_program_comes_before_what_concerns_an_editor() -> None:
    setting = found(editor.TOOLS_ENV_VARS, subject="settings.json")
    assert _root(setting, found(connect.TIMEOUT)) == connect.TIMEOUT.id
    assert _root(setting) == editor.TOOLS_ENV_VARS.id


def test_a_fault_of_an_entry_that_go_never_reaches_is_a_note() -> None:
    verdict = judge([found(tls.RESET, "second.test")], ground("https://first.test,https://second.test"))
    assert verdict.healthy
    assert [note.cause for note in verdict.notes] == [tls.RESET]


def test_after_a_bar_a_failing_entry_is_a_note_where_a_later_one_serves() -> None:
    fault = found(connect.REFUSED)
    assert judge([fault], ground("https://first.test|https://second.test")).healthy
    assert _root(fault, on=ground("https://first.test,https://second.test")) == connect.REFUSED.id


def test_after_a_comma_proved_absence_is_a_note_where_a_later_entry_serves() -> None:
    lag = found(status.MIRROR_LAG)
    assert judge([lag], ground("https://first.test,https://second.test")).healthy
    assert _root(lag, on=ground("https://first.test")) == status.MIRROR_LAG.id


@pytest.mark.parametrize("cause", [headers.STALL, content.NOT_A_ZIP, content.PORTAL])
def test_what_go_does_not_notice_stops_the_chain_even_before_a_bar(cause: Cause) -> None:
    fault = found(cause)
    assert _root(fault, on=ground("https://first.test|https://second.test")) == fault.cause.id


def test_what_degrades_the_entry_that_serves_is_no_note() -> None:
    slow = found(connect.IPV6_BROKEN, impact=Impact.DEGRADES)
    assert _root(slow) == connect.IPV6_BROKEN.id
    assert judge([slow], ground("https://second.test,https://first.test")).healthy


def test_an_entry_that_go_leaves_only_after_a_time_limit_still_costs_that_time() -> None:
    verdict = judge([found(connect.TIMEOUT)], ground("https://first.test|https://second.test"))
    assert verdict.healthy
    assert verdict.notes[0].impact is Impact.DEGRADES


def test_a_chain_that_ends_without_an_answer_blames_every_entry_that_go_tried() -> None:
    faults = [found(connect.REFUSED), found(tls.RESET, "second.test")]
    verdict = judge(faults, ground("https://first.test|https://second.test|off"))
    assert [cause.cause for cause in verdict.causes] == [connect.REFUSED, tls.RESET]


def test_the_databases_own_host_matters_only_where_go_asks_it() -> None:
    fault = found(connect.TIMEOUT, "sum.test")
    assert judge([fault], ground(sumdb_idle=True)).healthy
    assert _root(fault, on=ground(sumdb_idle=False)) == connect.TIMEOUT.id


def test_an_entry_that_gave_every_module_is_not_blamed_for_refusing_something_else() -> None:
    fault = found(status.FORBIDDEN, subject="https://first.test")
    served = frozenset({"https://first.test"})
    assert judge([fault], ground(served=served)).healthy
    assert _root(fault) == status.FORBIDDEN.id


def test_findings_of_two_checks_about_one_place_are_joined_with_all_their_proofs() -> None:
    one = found(connect.REFUSED, confidence=0.6)
    other = found(connect.REFUSED, subject="https://first.test/proxy")
    verdict = judge([one, other], ground())
    assert verdict.root is not None
    assert len(verdict.causes) == 1
    assert verdict.root.confidence == 1.0
    assert len(verdict.root.evidence) == 2


def test_two_entries_on_one_host_with_two_ports_are_two() -> None:
    on = ground("http://127.0.0.1:1001,http://127.0.0.1:1002")
    first = found(headers.CLOSED, "127.0.0.1:1001", subject="http://127.0.0.1:1001")
    second = found(headers.CLOSED, "127.0.0.1:1002", subject="http://127.0.0.1:1002")
    verdict = judge([first, second], on)
    assert [cause.subject for cause in verdict.causes] == ["http://127.0.0.1:1001"]
    assert [note.subject for note in verdict.notes] == ["http://127.0.0.1:1002"]


def test_a_proxy_that_refuses_one_host_does_not_explain_another() -> None:
    refused = found(proxy.CONNECT_REFUSED, "first.test", proxy="http://p.test")
    verdict = judge(
        [refused, found(tls.RESET, "second.test")], ground("https://first.test|https://second.test")
    )
    assert not verdict.consequences


def test_the_value_of_a_finding_may_be_a_message() -> None:

    finding = Finding(
        vcs.NETRC_BROKEN, {"path": "/n", "why": Message("module.netrc.readable", {"mode": "644"})}
    )
    assert judge([finding, finding], ground()).root is not None


def test_a_proxy_that_go_passes_by_is_a_fault_only_where_something_fails_for_the_lack_of_it() -> None:
    passed_by = found(proxy.HTTP_ALONE, "http_proxy", impact=Impact.RISK, confidence=0.75)
    assert judge([passed_by], ground("https://a.test")).root is None
    blocked = found(connect.TIMEOUT, "https://a.test")
    assert _root(passed_by, blocked, on=ground("https://a.test")) == proxy.HTTP_ALONE.id


def test_a_dead_proxy_is_a_note_where_go_needs_none() -> None:
    dead = found(proxy.UNREACHABLE, "http://127.0.0.1:7890")
    spared = replace(ground("http://127.0.0.1:3000"), spared=frozenset({0}), sumdb_idle=True)
    assert judge([dead], spared).root is None
    assert judge([dead], replace(spared, sumdb_idle=False)).root is not None
    assert judge([dead], replace(spared, spared=frozenset())).root is not None
    two = replace(ground("http://127.0.0.1:3000,https://b.test"), spared=frozenset({0}), sumdb_idle=True)
    assert judge([dead], two).root is None
    absent = found(headers.CLOSED, "http://127.0.0.1:3000")
    assert judge([dead, absent], two).root is not None


def test_a_proxy_that_speaks_no_tls_explains_its_silence() -> None:
    plain = found(proxy.NOT_TLS, "https://proxy.test:3128")
    assert _root(found(proxy.HANGS, "https://proxy.test:3128"), plain) == proxy.NOT_TLS.id


def _hides(other: str) -> Finding:
    return found(
        config.SHADOWED,
        subject="GOPROXY",
        impact=Impact.RISK,
        variable="GOPROXY",
        value="https://a.test,direct",
        shadowed=other,
    )


def test_a_value_that_hides_the_one_that_was_written_explains_what_its_own_entries_suffer() -> None:
    blocked = found(connect.TIMEOUT, "https://a.test")
    on = ground("https://a.test,direct")
    assert _root(_hides("https://b.test"), blocked, on=on) == config.SHADOWED.id
    assert _root(_hides("https://a.test"), blocked, on=on) == connect.TIMEOUT.id
