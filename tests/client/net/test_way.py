"""Which proxy is taken, the same as go takes it: asked of go itself."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from modgate.client.net.way import Way

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
)

type row struct {
	Env []string
	URL string
}

func main() {
	if len(os.Args) == 2 {
		u, _ := url.Parse(os.Args[1])
		p, err := http.ProxyFromEnvironment(&http.Request{URL: u})
		switch {
		case err != nil:
			os.Stdout.WriteString("error")
		case p == nil:
			os.Stdout.WriteString("direct")
		default:
			os.Stdout.WriteString(p.Scheme + " " + p.Hostname())
		}
		return
	}
	var rows []row
	json.NewDecoder(os.Stdin).Decode(&rows)
	var out []string
	for _, r := range rows {
		c := exec.Command(os.Args[0], r.URL)
		c.Env = r.Env
		b, _ := c.Output()
		out = append(out, string(b))
	}
	json.NewEncoder(os.Stdout).Encode(out)
}
"""

URLS = [
    "https://goproxy.test/x",
    "http://goproxy.test/x",
    "https://sub.goproxy.test/x",
    "https://goproxy.test:8443/x",
    "https://10.1.2.3/x",
    "https://127.0.0.1/x",
    "https://127.9.9.9:3000/x",
    "http://localhost:3000/x",
    "https://[::1]/x",
    "https://[2001:db8::5]:8443/x",
    "https://agoproxy.test/x",
]
EXEMPTIONS = [
    "",
    "*",
    "goproxy.test",
    ".goproxy.test",
    "*.goproxy.test",
    "test",
    " goproxy.test , other.test",
    "goproxy.test:443",
    "goproxy.test:8443",
    "GOPROXY.TEST",
    "10.1.2.3",
    "10.0.0.0/8",
    "10.1.2.3:443",
    "10.1.2.3:80",
    "2001:db8::5",
    "[2001:db8::5]:8443",
    "2001:db8::/32",
    "10.0.0.0/99",
    ":443",
    "https://goproxy.test",
    "goproxy.*",
]
PROXIES = [
    "http://p.test:3128",
    "p.test:3128",
    "p.test",
    "https://me:pw@p.test",
    "socks5://p.test:1080",
    "socks5h://p.test",
    "ftp://p.test:21",
    "http://http://p.test:3128",
    "http://p.test:port",
    "//p.test:3128",
    "10.0.0.1:8080",
    "[::1]:8080",
    "http://",
    "p.test:3128/path",
    "http://p.test:3128 ",
]


def ours(environ: dict[str, str], url: str) -> str:
    from modgate.client.net.target import Target  # noqa: PLC0415  beside its use

    target = Target.of(url)
    proxy = Way(environ).proxy_for(target.scheme, target.host, target.port)
    return "direct" if proxy is None else f"{proxy.scheme} {proxy.host}"


@pytest.mark.go
def test_the_way_is_that_of_go(go_command: str, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, str], str]] = []
    for exempt in EXEMPTIONS:
        for url in URLS:
            cases.append(({"HTTPS_PROXY": "http://p.test:3128", "NO_PROXY": exempt}, url))
    for text in PROXIES:
        cases.append(({"HTTPS_PROXY": text}, URLS[0]))
        cases.append(({"https_proxy": text, "HTTP_PROXY": "http://other.test"}, URLS[0]))
    both = {"HTTP_PROXY": "http://upper.test", "http_proxy": "http://lower.test"}
    cases.append((both, URLS[1]))
    cases.append(({"HTTPS_PROXY": "", "https_proxy": "http://lower.test"}, URLS[0]))
    (tmp_path / "main.go").write_text(PROGRAM)
    (tmp_path / "go.mod").write_text("module way\n\ngo 1.21\n")
    built = tmp_path / "way"
    environ = os.environ | {"GOFLAGS": "", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    subprocess.run([go_command, "build", "-o", str(built), "."], cwd=tmp_path, env=environ, check=True)
    rows = [{"Env": [f"{k}={v}" for k, v in environ.items()], "URL": url} for environ, url in cases]
    run = subprocess.run([built], input=json.dumps(rows).encode(), capture_output=True, check=True)
    theirs = json.loads(run.stdout)
    wrong = [
        (environ, url, go, ours(environ, url))
        for (environ, url), go in zip(cases, theirs, strict=True)
        if ours(environ, url) != go
    ]
    assert not wrong, "\n".join(map(str, wrong))
