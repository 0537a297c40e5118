"""What git, ssh and curl inside of git say, and the cause each text is.

git is translated (its Chinese texts are listed, other languages are told by what is not translated: curl's and
ssh's words, the quoted URL); go runs it with LC_ALL unset, so a developer's own language shows. Sources:
git/prompt.c, remote-curl.c, http.c, transport-helper.c and po/zh_CN.po; OpenSSH; curl/lib/strerror.c.
"""

# ruff: noqa: E501  texts of other programs stand on a line each

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.client.causes import vcs
from modgate.client.golog.making import find, first_line

if TYPE_CHECKING:
    from modgate.client.findings import Cause, Finding
    from modgate.client.golog.said import Said

__all__ = ["by_git", "is_git_line"]

_LINE = re.compile(
    r"(?:fatal|error|remote|ERROR|warning|致命错误|错误|警告|致命錯誤|錯誤)[:：] ?\S|git@\S+: Permission denied|\S+@\S+: Permission denied \("
    r"|Permission denied \((?:publickey|password)|Host key verification failed|ssh: |kex_exchange_identification|Connection (?:closed|reset) by \S+ port"
)
_TABLE: tuple[tuple[re.Pattern[str], Cause], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), cause)
    for pattern, cause in (
        (
            (
                r"Permission denied \((?:publickey|password|keyboard|gssapi)|Host key verification failed|主机密钥验证失败"
                r"|REMOTE HOST IDENTIFICATION HAS CHANGED|Too many authentication failures|Permission denied, please try again"
            ),
            vcs.SSH_DENIED,
        ),
        (
            (
                r"could not read (?:Username|Password)|terminal prompts disabled|终端提示.{0,3}(?:禁用|关闭)|Authentication failed|鉴权失败|认证失败|身份验证失败|身份認證失敗"
                r"|(?:requested URL returned error: |HTTP )(?:401|403)|Invalid username or (?:password|token)|HTTP Basic: Access denied"
                r"|Support for password authentication was removed|Authentifizierung fehlgeschlagen|Échec d.authentification|認証に失敗"
                r"|remote: Unauthorized|无法读取.{0,120}(?:用户名|密码)|[Uu]sername for '|could not get password"
            ),
            vcs.NO_CREDENTIALS,
        ),
        (
            (
                r"Could not resolve (?:host|hostname|proxy)|无法解析主机|Name or service not known|nodename nor servname"
                r"|Temporary failure in name resolution"
            ),
            vcs.HOST_UNRESOLVED,
        ),
        (
            (
                r"couldn't find remote ref|无法找到远程引用|找不到远程引用|Remote branch .{1,200} not found|unknown revision"
                r"|bad object|unadvertised object|not our ref"
            ),
            vcs.UNKNOWN_REVISION,
        ),
        (
            (
                r"repository .{0,300}not found|未找到仓库|仓库 .{0,300}未找到|Repository not found|does not appear to be a git repository"
                r"|不像是一个 git 仓库|似乎不是一个 git 仓库|requested URL returned error: 404|project you were looking for could not be found"
                r"|does not exist or you do not have permission|not found: did you run git update-server-info|access denied or repository not exported"
                r"|dépôt .{0,300}introuvable|Repository .{0,300}nicht gefunden|リポジトリ.{0,300}見つかりません"
            ),
            vcs.REPOSITORY_MISSING,
        ),
        (
            (
                r"Failed to connect|Couldn't connect|Connection (?:timed out|refused|reset|closed)|Operation timed out|Operation too slow|No route to host"
                r"|Network is unreachable|gnutls_handshake|SSL_|SSL certificate|certificate verif|schannel|OpenSSL|TLS connect|LibreSSL|server certificate"
                r"|RPC failed|early EOF|hung up unexpectedly|意外挂断|意外断开|Empty reply|Recv failure|Send failure|HTTP/2 stream|HTTP2 framing|index-pack failed"
                r"|unable to access|无法访问|無法存取|ssh: connect to host|kex_exchange_identification|requested URL returned error: \d+"
                r"|Proxy CONNECT aborted|CONNECT tunnel failed|Received HTTP code \d+ from proxy|transfer closed with outstanding|unable to connect|expected flush"
            ),
            vcs.FETCH_FAILED,
        ),
        (r"Could not read from remote repository|无法读取远程仓库|無法從遠端版本庫", vcs.REPOSITORY_MISSING),
    )
)
_QUOTED_URL = re.compile(r"['\"‘“《「](?P<url>(?:https?|ssh|git(?:\+ssh)?)://[^'\"’”》」\s]+)")
_BARE_URL = re.compile(r"(?P<url>(?:https?|ssh|git(?:\+ssh)?|git\+https?)://[^\s'\"]+)")
_SCP = re.compile(r"(?:^|[\s'\"])[\w.-]+@(?P<host>[\w.-]+\.[A-Za-z][\w-]*):", re.MULTILINE)
_HOSTNAME = re.compile(
    r"(?:Could not resolve (?:host|hostname|proxy)|无法解析主机|connect to host|Failed to connect to|Could not connect to)[:：]? (?P<host>[\w.-]+)",
    re.IGNORECASE,
)


def is_git_line(line: str) -> bool:
    """Whether git, or ssh under it, wrote this line."""
    return _LINE.match(line) is not None


def by_git(said: Said) -> Finding | None:
    """The finding that git's words in a message are; None where git says nothing known."""
    text = said.text.partition("server response:")[0]
    for pattern, cause in _TABLE:
        if found := pattern.search(text):
            line = next(
                line for line in text.split("\n") if found[0].split("\n")[0] in line or found[0] in text
            )
            words = _line_around(text, found.start()) or line
            return find(
                cause,
                said,
                subject=_host(text, said),
                host=_host(text, said),
                text=words,
                repository=_repository(text) or said.name,
            )
    if re.search(r"exit status 128", text):
        return find(vcs.FETCH_FAILED, said, confidence=0.6, host=_host(text, said), text=_last(text))
    return None


def _line_around(text: str, at: int) -> str:
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return text[start : len(text) if end < 0 else end].strip()


def _last(text: str) -> str:
    lines = [line for line in text.split("\n") if line.strip()]
    return first_line(lines[1]) if len(lines) > 1 else first_line(text)


def _host(text: str, said: Said) -> str:
    for pattern in (_HOSTNAME, _QUOTED_URL, _BARE_URL, _SCP):
        if found := pattern.search(text):
            if "host" in found.groupdict():
                return found["host"]
            return found["url"].partition("://")[2].partition("/")[0].rpartition("@")[2]
    return said.module.partition("/")[0]


def _repository(text: str) -> str:
    found = _QUOTED_URL.search(text) or _BARE_URL.search(text)
    return found["url"].rstrip(":;,.") if found else ""
