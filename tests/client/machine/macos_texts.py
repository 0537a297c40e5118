"""What commands print on a Mac, written by hand after the documented formats."""

# ruff: noqa: E501  recorded lines are as long as they are

from __future__ import annotations

_MDNS = "".join(
    f"""
resolver #{number}
  domain   : {domain}
  options  : mdns
  timeout  : 5
  flags    : Request A records, Request AAAA records
  reach    : 0x00000000 (Not Reachable)
  order    : {300000 + 200 * (number - 2)}
"""
    for number, domain in enumerate(
        ("local", "254.169.in-addr.arpa", "8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa"), start=2
    )
)

DNS_PLAIN = f"""\
DNS configuration

resolver #1
  search domain[0] : home.arpa
  nameserver[0] : 192.168.1.1
  nameserver[1] : fe80::1%en0
  if_index : 14 (en0)
  flags    : Request A records, Request AAAA records
  reach    : 0x00020002 (Reachable,Directly Reachable Address)
{_MDNS}
DNS configuration (for scoped queries)

resolver #1
  search domain[0] : home.arpa
  nameserver[0] : 192.168.1.1
  if_index : 14 (en0)
  flags    : Scoped, Request A records, Request AAAA records
  reach    : 0x00020002 (Reachable,Directly Reachable Address)
"""

DNS_VPN = DNS_PLAIN.replace(
    "DNS configuration (for scoped queries)\n",
    """\
resolver #7
  domain   : corp.example.test
  nameserver[0] : 10.8.0.2
  if_index : 21 (utun4)
  flags    : Supplemental, Request A records
  reach    : 0x00000003 (Reachable,Transient Connection)
  order    : 102000

DNS configuration (for scoped queries)

resolver #2
  nameserver[0] : 10.8.0.2
  if_index : 21 (utun4)
  flags    : Scoped, Request A records
  reach    : 0x00000003 (Reachable,Transient Connection)
""",
)

PROXY_OFF = """\
<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
    1 : 169.254/16
  }
  FTPPassive : 1
  HTTPEnable : 0
  HTTPSEnable : 0
}
"""

PROXY_ON = """\
<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
    1 : 169.254/16
    2 : git.example.test
  }
  ExcludeSimpleHostnames : 1
  FTPPassive : 1
  HTTPEnable : 1
  HTTPPort : 7890
  HTTPProxy : 127.0.0.1
  HTTPSEnable : 1
  HTTPSPort : 7890
  HTTPSProxy : 127.0.0.1
  SOCKSEnable : 0
  __SCOPED__ : <dictionary> {
    en0 : <dictionary> {
      HTTPSEnable : 1
      HTTPSPort : 1
      HTTPSProxy : wrong.example.test
    }
  }
}
"""

PROXY_SCRIPT = """\
<dictionary> {
  ProxyAutoConfigEnable : 1
  ProxyAutoConfigURLString : http://wpad.example.test/wpad.dat
}
"""

EXTENSIONS = """\
3 extension(s)
--- com.apple.system_extension.network_extension (Go to 'System Settings > General > Login Items & Extensions > Network Extensions' to modify these system extension(s))
enabled\tactive\tteamID\tbundleID (version)\tname\t[state]
*\t*\tABCDE12345\tcom.example.filter.extension (5.1/5.1.2)\tExample Filter\t[activated enabled]
\t\tABCDE12345\tcom.example.filter.extension (5.0/5.0.9)\tExample Filter\t[terminated waiting to uninstall on reboot]
--- com.apple.system_extension.endpoint_security
enabled\tactive\tteamID\tbundleID (version)\tname\t[state]
*\t*\tFGHIJ67890\tcom.example.endpoint (1.0/1)\tEndpoint\t[activated enabled]
"""

LOG = """\
Timestamp                       Thread     Type        Activity             PID    TTL
2026-02-06 14:57:09.725854-0600 0x17c918f  Default     0x0                  569    0    com.example.filter.extension: (NetworkExtension) [com.apple.networkextension:] [Extension com.example.filter]: provider rejected new flow TCP go[{length = 20}] remote: 198.51.100.7:443 interface utun9
2026-02-06 14:57:09.725874-0600 0x17ca166  Debug       0x0                  569    0    com.example.filter.extension: (NetworkExtension) [com.apple.networkextension:] New flow verdict for D89B5B5D-793C-4940-D955-37BE33F18005:
drop = YES
remediate = NO
2026-02-06 14:57:09.725880-0600 0x17ca166  Debug       0x0                  569    0    com.example.filter.extension: (NetworkExtension) [com.apple.networkextension:] New flow verdict for D89B5B5D-793C-4940-D955-37BE33F18006:
drop = NO
2026-02-06 14:57:10.000001-0600 0x17ca166  Info        0x0                  190    0    nesessionmanager: (NetworkExtension) [com.apple.networkextension:] NESMVPNSession[Corp:77E47F63]: status changed to connected
2026-02-06 14:57:11.000001-0600 0x17ca167  Default     0x0                  300    0    mDNSResponder: [com.apple.mDNSResponder:Default] drop = YES
"""

LOG_COMPACT = """\
Timestamp               Ty Process[PID:TID]
2026-02-06 14:57:09.725 Df com.example.filter.extension[569:17c918f] (NetworkExtension) [com.apple.networkextension:] dropped flow, remote: 198.51.100.7:443
"""

PROFILE_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>_computerlevel</key><array><dict>
<key>ProfileDisplayName</key><string>Encrypted DNS</string>
<key>ProfileItems</key><array><dict>
<key>PayloadType</key><string>com.apple.dnsSettings.managed</string>
<key>PayloadContent</key><dict><key>DNSSettings</key><dict>
<key>DNSProtocol</key><string>HTTPS</string>
<key>ServerURL</key><string>https://dns.example.test/dns-query</string>
</dict></dict></dict></array></dict></array></dict></plist>
"""

QUALITY_JSON = """\
{"base_rtt": 24.5, "dl_throughput": 98000000, "ul_throughput": 12500000, "responsiveness": 103,
 "proxy_state": "Non-Proxied", "interface_name": "en0"}
"""

QUALITY_OLD = """\
==== SUMMARY ====
Upload capacity: 14.696 Mbps
Download capacity: 98.000 Mbps
Upload flows: 20
Download flows: 12
Responsiveness: Low (103 RPM)
"""

QUALITY_NEW = """\
==== SUMMARY ====
Uplink capacity: 941.2 Kbps
Downlink capacity: 1.200 Gbps
Responsiveness: Medium (244.898 milliseconds | 245 RPM)
Idle Latency: 24.500 milliseconds | 2449 RPM
"""

LS_PLAIN = "drwxr-xr-x  12 me  staff  - 384 Jan  5 10:11 /Users/me/go/pkg/mod\n"
LS_RESTRICTED = "drwxr-xr-x@ 976 root  wheel  restricted,hidden 31232 Jan  5 10:11 /usr/bin\n"
