"""Real logs of staged faults: each one's phase, row and cause.

The table is written by hand, with a reason where another answer could be defended. It skips without the logs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from modgate.client.golog import Analysis, analyse
from modgate.client.golog.decode import read_lines

SAMPLES = Path(__file__).parents[4] / "shared" / "samples"

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recorded samples are not here")

Right = tuple[str, int | None, str] | None

EXPECTED: dict[str, Right] = {
    # 404 is recovered by the chain; then `direct` leads to a domain that does not exist: a matter of the
    # module's origin, not of this machine's resolver.
    "chain-404-direct.log": ("vcs", 4, "MG-VCS-011"),
    "chain-comma-403-stops.log": ("status", 11, "MG-STAT-002"),
    "chain-comma-404-falls.log": None,
    "chain-comma-refused-stops.log": ("connect", None, "MG-NET-002"),
    "chain-pipe-refused-falls.log": None,
    "chain-portal-pipe-ok.log": ("content", 17, "MG-CNT-002"),
    "dns-nxdomain-cgo.log": ("dns", 4, "MG-DNS-001"),
    "env-changed.log": None,
    # 401 because the command that should bring credentials fails: that is where to act.
    "goauth-command-x.log": ("config", None, "MG-CFG-032"),
    # The text shows the effect of the byte order mark on nothing; GOSUMDB=off is what can be seen.
    "goenv-bom.log": ("config", None, "MG-CFG-016"),
    "goenv-crlf.log": ("config", 24, "MG-CFG-010"),
    "goenv-quotes.log": ("config", 24, "MG-CFG-004"),
    # Every go command that gopls starts has GOPROXY=off, so it is a setting.
    "gopls-goproxy-off.logfile.txt": ("config", None, "MG-CFG-001"),
    "gopls-goproxy-off.messages.jsonl": ("config", None, "MG-CFG-001"),
    # gopls logs `could not import` and nothing of the network: the log does not tell 403 from refused.
    "gopls-refused.logfile.txt": ("config", 25, "MG-VSC-010"),
    "gopls-refused.messages.jsonl": ("config", 25, "MG-VSC-010"),
    "gopls-status-403.logfile.txt": ("config", 25, "MG-VSC-010"),
    "gopls-status-403.messages.jsonl": ("config", 25, "MG-VSC-010"),
    "goproxy-off.log": ("config", None, "MG-CFG-001"),
    "gosum-mismatch.log": ("checksum", 21, "MG-SUM-001"),
    "gosumdb-bad-name.log": ("config", 22, "MG-CFG-014"),
    "gosumdb-many.log": ("config", 22, "MG-CFG-015"),
    "h2-abort-zip-debug2.log": ("body", 19, "MG-BODY-003"),
    "h2-abort-zip.log": ("body", 19, "MG-BODY-003"),
    "h2-bodystall-debug2.log": ("body", 20, "MG-BODY-002"),
    "h2-disabled.log": None,
    "h2-goaway-debug2.log": None,
    "h2-ok-debug1.log": None,
    "h2-ok-debug2.log": None,
    "h2-stall-debug2.log": ("headers", 20, "MG-HTTP-004"),
    "http-eof.log": ("headers", 19, "MG-HTTP-001"),
    "http-garbage.log": ("headers", None, "MG-HTTP-003"),
    # Line for line the log of a success: only `--hung`, or frames, tell them apart.
    "http-hang-body.log": None,
    "http-hang-no-header.log": ("headers", 20, "MG-HTTP-004"),
    "http-reset.log": ("headers", None, "MG-HTTP-002"),
    "httpproxy-ignored-for-loopback.log": None,
    # The scheme that go does not know fell back to another; what is seen is a dead proxy.
    "httpsproxy-bad-scheme.log": ("proxy", 10, "MG-PRX-002"),
    # One unanswered request, as when the server itself is silent: the text has no trace of a proxy.
    "httpsproxy-hang.log": ("headers", 20, "MG-HTTP-004"),
    "httpsproxy-p403.log": ("proxy", None, "MG-PRX-003"),
    "httpsproxy-p407.log": ("proxy", 9, "MG-PRX-001"),
    "httpsproxy-p502.log": ("proxy", None, "MG-PRX-003"),
    "httpsproxy-refused.log": ("proxy", 10, "MG-PRX-002"),
    "httpsproxy-socks-refused.log": ("proxy", 10, "MG-PRX-002"),
    # go looks up the host "http": the variable was no URL.
    "httpsproxy-unparsable.log": ("proxy", 10, "MG-PRX-005"),
    "ipv6-unreachable.log": ("connect", None, "MG-NET-003"),
    "moved-module.log": ("content", None, "MG-CNT-004"),
    "ok-http.log": None,
    "ok-https.log": None,
    "ok-json.log": None,
    # http:// to a TLS port that just closes looks like any reset after the request.
    "plain-to-tls-port.log": ("headers", None, "MG-HTTP-002"),
    "portal-html-info.log": ("content", 18, "MG-CNT-001"),
    # go accepted it, and -x shows heads only.
    "portal-html-mod.log": None,
    "private-git-404.log": ("vcs", 15, "MG-VCS-002"),
    "private-terminal-prompts.log": ("vcs", 14, "MG-VCS-001"),
    "redirect-loop.log": ("status", None, "MG-STAT-010"),
    "redirect-to-http.log": ("status", None, "MG-STAT-009"),
    "retracted.log": ("ok", None, "MG-CNT-007"),
    "status-401.log": ("status", None, "MG-STAT-001"),
    "status-404-https-twice.log": ("status", 12, "MG-STAT-003"),
    "status-404.log": ("status", 12, "MG-STAT-003"),
    "status-410.log": ("status", 12, "MG-STAT-004"),
    "status-429.log": ("status", None, "MG-STAT-005"),
    "status-451.log": ("status", None, "MG-STAT-006"),
    "status-503.log": ("status", None, "MG-STAT-007"),
    "sumdb-sum500.log": ("checksum", None, "MG-SUM-004"),
    "sumdb-sumsig.log": ("checksum", 21, "MG-SUM-003"),
    "tcp-connect-timeout.log": ("connect", 1, "MG-NET-001"),
    "tcp-refused.log": ("connect", None, "MG-NET-002"),
    "tls-handshake-eof.log": ("tls", 5, "MG-TLS-002"),
    "tls-handshake-reset.log": ("tls", 5, "MG-TLS-002"),
    "tls-handshake-timeout.log": ("tls", 5, "MG-TLS-001"),
    "tls-insecure-env-no-help.log": ("tls", 6, "MG-TLS-004"),
    "tls-not-yet-valid.log": ("tls", 8, "MG-TLS-006"),
    "tls-to-plain-port.log": ("tls", None, "MG-TLS-008"),
    "tls-unknown-ca.log": ("tls", 6, "MG-TLS-004"),
    "tls-wrong-host.log": ("tls", 7, "MG-TLS-005"),
    # The certificate is the fault, wherever it was met.
    "tls-wrong-hostname.log": ("tls", 7, "MG-TLS-005"),
    "toolchain-refused.log": ("toolchain", 23, "MG-TC-003"),
    "typo-file-missing.log": ("config", 24, "MG-CFG-008"),
    "typo-ftp.log": ("config", 24, "MG-CFG-007"),
    # It worked by luck, and the URLs show that a second entry was meant.
    "typo-fullwidth-comma.log": ("config", 24, "MG-CFG-003"),
    "typo-no-scheme-word.log": ("config", 24, "MG-CFG-002"),
    "typo-space-for-comma.log": ("config", 24, "MG-CFG-003"),
    "vendor-get.log": ("config", None, "MG-CFG-021"),
    "zip-not-a-zip.log": ("content", 17, "MG-CNT-002"),
    "zip-truncated.log": ("body", 19, "MG-BODY-001"),
}


def analysed(name: str) -> Analysis:
    with (SAMPLES / name).open("rb") as stream:
        return analyse(read_lines(stream), name)


def found(analysis: Analysis) -> Right:
    root = analysis.root_cause
    return None if root is None else (root.cause.phase.value, root.cause.row, root.cause.id)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_has_its_phase_row_and_cause(name: str) -> None:
    assert found(analysed(name)) == EXPECTED[name]


def test_every_sample_is_in_the_table() -> None:
    files = {file.name for file in SAMPLES.iterdir() if file.suffix in {".log", ".txt", ".jsonl"}}
    assert files == set(EXPECTED)


def test_requests_of_a_chain_are_told_one_by_one() -> None:
    requests = analysed("chain-comma-404-falls.log").requests
    assert [(one.endpoint, one.status, one.phase.value) for one in requests] == [
        (endpoint, status, phase)
        for endpoint in ("info", "mod", "zip")
        for status, phase in ((404, "status"), (200, "ok"))
    ]
    assert {(one.module, one.version) for one in requests} == {("example.test/mod", "v1.2.3")}


def test_a_body_that_stalls_is_told_where_the_command_is_said_to_have_hung() -> None:
    with (SAMPLES / "http-hang-body.log").open("rb") as stream:
        assert found(analyse(read_lines(stream), interrupted=True)) == ("body", 20, "MG-BODY-002")
