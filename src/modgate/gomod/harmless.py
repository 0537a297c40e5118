"""Text without its secrets, whatever it is: a log line, an answer, a setting, a settings file's line.

`redacted` knows that it has URLs before it; this one knows nothing, so it takes out only what looks like a
secret by its form or by the name in front of it: user info of URLs, Authorization headers and cookies, tokens
of the usual hosts, values of queries, variables and keys with telling names, passwords of a netrc, and what
the linker is told to write into a program. It is the last gate before a finding, a document or a terminal;
who knows more of a value hides more.
"""

from __future__ import annotations

import re

__all__ = ["harmless"]

_NAME = (
    r"(?:token|secret|passw(?:or)?d|passwd|passphrase|credential|api[_-]?key|access[_-]?key|private[_-]?key)"
)
_QUOTES = "\"'`“”‘’"
# Full-width punctuation ends a URL in a Chinese sentence. Names that advice uses are no secrets.
_USER_INFO = re.compile(
    rf"(?<=://)(?!git@|\*\*\*@|(?i:user(?:name)?:pass(?:word)?@))[^/?#\s{_QUOTES}<>，；、。（）]{{1,1000}}@"
)
_HEADER = re.compile(
    r"(?i)(?P<name>\b(?:proxy-)?authorization[\"']?\s{0,3}[:=]\s{0,3}[\"'\[]{0,2})"
    rf"(?:digest[ \t]+[^\n]*|(?:(?P<scheme>[a-z][a-z0-9-]{{1,20}})[ \t]+)?[^\s{_QUOTES}]+)"
)
_COOKIE = re.compile(
    rf"(?i)(?P<name>\b(?:set-)?cookie[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"'\[]{{0,2}})[^\n{_QUOTES}\]]+"
)
_TOKEN_HEADER = re.compile(
    r"(?i)(?P<name>\b(?:private-token|job-token|deploy-token|x-(?:[a-z]+-)?(?:api-)?(?:key|token))[\"']?"
    rf"\s{{0,3}}[:=]\s{{0,3}}[\"'\[]{{0,2}})[^\s{_QUOTES}\]]+"
)
_SCHEME = re.compile(r"(?i)(?P<name>\b(?:bearer|basic)[ \t]+)(?=\S*[0-9=])[A-Za-z0-9._~+/-]{8,}=*")
_KNOWN = re.compile(
    r"(?P<name>\b(?:gh[pousr]_|github_pat_|gl(?:pat|dt|cbt|rt|ft|soat)-|xox[abprs]-|AT(?:ATT|CTT|BB)|BBDC-))"
    r"[A-Za-z0-9_=.-]{4,}"
)
_JWT = re.compile(r"(?P<name>\beyJ)[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
_QUERY = re.compile(
    rf"(?i)(?P<name>[?&][\w.-]{{0,40}}(?:{_NAME}|signature|\bsig|\bauth|\bpwd|\bkey)[\w.-]{{0,40}}=)"
    rf"[^&\s{_QUOTES}<>，；、。]+"
)
_ASSIGNED = re.compile(
    rf"""(?ix)(?P<name>(?<![\w.-])[\w.-]{{0,40}}{_NAME}[\w.-]{{0,40}}(?:=|["']\s{{0,3}}:\s{{0,3}}))
    (?!\*\*\*)(?:"[^"\n]*"|'[^'\n]*'|[^\s,;&{_QUOTES}，；、。]+)"""
)
_NETRC = re.compile(
    r"(?P<name>\b(?:machine\s+\S+|login\s+\S+|default)\s+(?:(?:login|account)\s+\S+\s+)?password\s+)(?!TOKEN\b)\S+"
)
# The argument of a helper's option; the words that follow an option's name in a sentence are none.
_OPTION = re.compile(
    rf"(?i)(?P<name>(?<![\w-])--?[\w-]{{0,40}}{_NAME}[\w-]{{0,40}}[ \t]+[{_QUOTES}]?)"
    rf"(?![=:-]|\*\*\*|(?:is|was|are|must|flag|option|or|and|for|to|with|can|cannot|not|needs|requires?|which|that)\b)"
    rf"[^\s,;|{_QUOTES}，；、。]+"
)
_LINKED = re.compile(r"""(?P<name>-X[= ]["']?[^\s="']{1,300}=)[^\s"']+""")
_PATTERNS = (_TOKEN_HEADER, _COOKIE, _KNOWN, _JWT, _QUERY, _ASSIGNED, _NETRC, _OPTION, _LINKED)


def harmless(text: str) -> str:
    """The text with each secret that its form or name gives away replaced by `***`."""
    text = _USER_INFO.sub("***@", text)
    text = _HEADER.sub(
        lambda match: match["name"] + (f"{match['scheme']} " if match["scheme"] else "") + "***", text
    )
    text = _SCHEME.sub(r"\g<name>***", text)
    for pattern in _PATTERNS:
        text = pattern.sub(r"\g<name>***", text)
    return text
