"""The page for people at `/`: how to use this proxy, and whether it is well.

Rules: no external resource and no script (the policy header says so too); every value from outside
is escaped; the language follows Accept-Language, English by default.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from modgate.server.respond import Response

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["front_page", "prefers_chinese"]

_STYLE = (
    "body{font:16px/1.6 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1f24;background:#fff}pre{background:#f2f4f7;padding:.8rem;overflow:auto;border-radius:6px}"
    "code{font-family:ui-monospace,monospace}.ok{color:#116329}.bad{color:#a40e26}"
    "@media(prefers-color-scheme:dark){body{color:#dfe3e8;background:#14171a}pre{background:#22262b}"
    ".ok{color:#57c777}.bad{color:#ff7b83}}"
)
_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'"
)
_TEXTS = {
    "en": {
        "title": "Go module proxy",
        "intro": "This is modgate, a Go module proxy that verifies what it serves.",
        "use": "Use it from the go command:",
        "sumdb": (
            "Keep GOSUMDB as it is: this proxy answers checksum database requests too, and the go command "
            "checks their signatures itself. Private modules belong into GONOSUMDB, or into GOPRIVATE if "
            "they must not come through this proxy."
        ),
        "undo": "To go back:",
        "status": "Status",
        "ready": "ready",
        "broken": "not ready",
        "more": "Endpoints for machines:",
    },
    "zh": {
        "title": "Go 模块代理",
        "intro": "这里是 modgate：一个对所提供内容逐一校验的 Go 模块代理。",
        "use": "在 go 命令中使用：",
        "sumdb": (
            "请保持 GOSUMDB 不变：本代理同样转发校验和数据库的请求，go 命令会自行验证其签名。"
            "私有模块请写入 GONOSUMDB；若不应经过本代理，则写入 GOPRIVATE。"
        ),
        "undo": "恢复原设置：",
        "status": "状态",
        "ready": "正常",
        "broken": "未就绪",
        "more": "供程序使用的端点：",
    },
}


def prefers_chinese(accept_language: bytes) -> bool:
    """Whether Chinese ranks above English in an Accept-Language header."""
    best = {"zh": 0.0, "en": 0.0}
    for number, piece in enumerate(accept_language.decode("latin-1").split(",")[:20]):
        tag, _, weight = piece.partition(";")
        language = tag.strip().lower().split("-")[0]
        if language not in best:
            continue
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            quality = 0.0
        best[language] = max(best[language], quality - number * 1e-6)
    return best["zh"] > best["en"]


def front_page(address: str, mount: str, problems: Sequence[str], *, chinese: bool, version: str) -> Response:
    """The page, for the address (scheme and host) under which the person reached us."""
    language = "zh" if chinese else "en"
    text = _TEXTS[language]
    url = html.escape(f"{address}{mount}")
    prefix = html.escape(mount)
    if problems:
        items = "".join(f"<li>{html.escape(problem[:300])}</li>" for problem in problems[:8])
        status = f'<p class="bad">{text["broken"]}</p><ul>{items}</ul>'
    else:
        status = f'<p class="ok">{text["ready"]}</p>'
    body = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>modgate · {text['title']}</title><style>{_STYLE}</style></head><body>"
        f"<h1>modgate</h1><p>{text['intro']}</p><p>{text['use']}</p>"
        f"<pre><code>go env -w GOPROXY={url}</code></pre><p>{text['sumdb']}</p>"
        f"<p>{text['undo']}</p><pre><code>go env -u GOPROXY</code></pre>"
        f"<h2>{text['status']}</h2>{status}"
        f"<p>{text['more']} <code>{prefix}/readyz</code>, <code>{prefix}/metrics</code></p>"
        f"<p><small>modgate {html.escape(version)}</small></p></body></html>\n"
    ).encode()
    return Response(
        200,
        [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"vary", b"Accept-Language"),
            (b"content-language", language.encode("ascii")),
            (
                b"content-security-policy",
                _POLICY,
            ),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ],
        body,
        len(body),
    )
