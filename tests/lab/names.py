"""The laboratory's Internet: who is where.

Addresses are like real ones, because tools judge them (private ranges, loopback); nothing leaves the
network namespace.
"""

from __future__ import annotations

__all__ = ["CORPORATE_PROXY", "HERE", "HERE6", "HOSTS", "RESOLVERS", "SYSTEM_RESOLVER"]

HERE = "10.77.0.2"
HERE6 = "fd77:1::2"
SYSTEM_RESOLVER = "10.77.0.53"
CORPORATE_PROXY = "10.77.0.80"
RESOLVERS = (SYSTEM_RESOLVER, "8.8.8.8", "8.8.4.4", "1.1.1.1", "114.114.114.114", "223.5.5.5", "223.6.6.6")

HOSTS: dict[str, tuple[str, ...]] = {
    "proxy.golang.org": ("142.250.70.209",),
    "sum.golang.org": ("142.250.70.145",),
    "index.golang.org": ("142.250.70.177",),
    "go.dev": ("216.239.32.21",),
    "golang.org": ("142.250.70.113",),
    "www.google.com": ("142.250.70.100",),
    "dns.google": ("8.8.8.8", "8.8.4.4"),
    "cloudflare-dns.com": ("1.1.1.1",),
    "one.one.one.one": ("1.1.1.1",),
    "dns.alidns.com": ("223.5.5.5", "223.6.6.6"),
    "goproxy.cn": ("222.186.17.66",),
    "goproxy.io": ("43.156.10.20",),
    "sum.golang.google.cn": ("114.250.63.34",),
    "golang.google.cn": ("114.250.63.35",),
    "mirrors.aliyun.com": ("119.96.33.219",),
    "mirrors.cloud.tencent.com": ("119.147.33.12",),
    "mirrors.huaweicloud.com": ("121.36.121.10",),
    "www.baidu.com": ("110.242.68.66",),
    "www.aliyun.com": ("47.95.164.112",),
    "github.com": ("20.205.243.166",),
    "gitlab.com": ("172.65.251.78",),
    "mirror.example.net": ("203.119.10.10",),
    "second.example.net": ("203.119.10.11",),
    "git.example-corp.com": ("203.119.20.20",),
    "neverssl.com": ("34.223.124.45",),
}
