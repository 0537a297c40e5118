"""The examples of docs/webhooks.md verify what is really sent, and refuse everything else."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from modgate.notify.sign import parse_secrets, signed_headers

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
NOW = 1_800_000_000
BODY = '{"data":"漏洞"}'.encode()
FILES = ("whsec_" + base64.b64encode(b"\x00key\xff").decode(), "a line of text")


def example(language: str) -> str:
    [code] = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert isinstance(code, str)
    return code


def cases() -> list[tuple[dict[str, str], bytes, list[str], bool]]:
    """Headers, body, the receiver's secrets, and whether it is to be taken."""
    good = signed_headers(parse_secrets(FILES[0]), identifier="msg_a", at=NOW, body=BODY)
    both = signed_headers(parse_secrets("\n".join(FILES)), identifier="msg_a", at=NOW, body=BODY)
    plain = signed_headers(parse_secrets(FILES[1]), identifier="msg_a", at=NOW, body=BODY)
    old = signed_headers(parse_secrets(FILES[0]), identifier="msg_a", at=NOW - 301, body=BODY)
    return [
        (good, BODY, [FILES[0]], True),
        (plain, BODY, [FILES[1]], True),
        (both, BODY, [FILES[0]], True),
        (both, BODY, [FILES[1]], True),
        (good, BODY, [FILES[1]], False),
        (good, BODY, ["another", FILES[0]], True),
        (good, BODY + b" ", [FILES[0]], False),
        (good | {"webhook-id": "msg_b"}, BODY, [FILES[0]], False),
        (good | {"webhook-timestamp": str(NOW + 1)}, BODY, [FILES[0]], False),
        (good | {"webhook-signature": "v1,"}, BODY, [FILES[0]], False),
        (old, BODY, [FILES[0]], False),
    ]


def test_the_python_example_verifies() -> None:
    found: dict[str, Any] = {}
    exec(compile(example("python"), str(PAGE), "exec"), found)
    for headers, body, secrets, taken in cases():
        assert found["verify"](headers, body, secrets, set(), now=NOW) is taken
    seen: set[str] = set()
    headers, body, secrets, _ = cases()[0]
    assert [found["verify"](headers, body, secrets, seen, now=NOW) for _ in range(2)] == [True, False]


@pytest.mark.go
def test_the_go_example_verifies(tmp_path: Path, go_command: str) -> None:
    main = """
func main() {
	for _, c := range cases {
		h := http.Header{}
		for name, value := range c.Headers {
			h.Set(name, value)
		}
		fmt.Println(verify(h, c.Body, c.Secrets, time.Unix(%d, 0)))
	}
}

var cases = []struct {
	Headers map[string]string
	Body    []byte
	Secrets []string
}{
%s}
"""
    rows = []
    for headers, body, secrets, _ in cases():
        told = ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in headers.items())
        data = ", ".join(map(str, body))
        words = ", ".join(map(json.dumps, secrets))
        rows.append(f"\t{{map[string]string{{{told}}}, []byte{{{data}}}, []string{{{words}}}}},\n")
    (tmp_path / "main.go").write_text(example("go") + main % (NOW, "".join(rows)), encoding="utf-8")
    done = subprocess.run(
        [go_command, "run", "main.go"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(taken).lower() for *_, taken in cases()]
