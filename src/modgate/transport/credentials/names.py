"""The one spelling of a host: what is compared when it is decided who may have a secret.

Hosts are equal only as a whole: lower case, without the dot at the end, an IPv6 literal without its
brackets. A suffix or a prefix proves nothing (`corp.example.attacker.test`, `notcorp.example`).
"""

from __future__ import annotations

__all__ = ["default_username", "host_and_port", "normal_host"]

_USERNAMES = {
    "github.com": "x-access-token",
    "gitlab.com": "oauth2",
    "bitbucket.org": "x-token-auth",
}


def normal_host(host: str) -> str:
    """The host's one spelling."""
    return host.strip().removeprefix("[").removesuffix("]").removesuffix(".").lower()


def host_and_port(text: str) -> tuple[str, int | None]:
    """`host`, `host:port`, `[v6]` or `[v6]:port` apart; a port that is none makes the text a host."""
    name, colon, port = text.rpartition(":")
    bare = ":" not in name or name.endswith("]")
    if colon and bare and port.isascii() and port.isdigit():
        return normal_host(name), int(port)
    return normal_host(text), None


def default_username(host: str) -> str:
    """The name that a host wants beside a token.

    GitHub, also on its own domains, takes `x-access-token` beside tokens of every kind; GitLab
    `oauth2`; Bitbucket's cloud `x-token-auth`. Other hosts ignore the name (Gitea, Forgejo, Azure) or
    need one that the operator must say.
    """
    host = normal_host(host)
    if host in _USERNAMES:
        return _USERNAMES[host]
    labels = host.split(".")
    if "github" in labels or host.endswith(".ghe.com"):
        return "x-access-token"
    return "oauth2" if "gitlab" in labels else "git"
