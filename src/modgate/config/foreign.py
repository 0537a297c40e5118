"""What the settings of Athens and of goproxy are called here.

Who moves over copies a configuration first. Each name of the other two (the TOML keys and variables
of Athens, the flags of goproxy) leads to a sentence with our key, or with the reason why there is
none. Names are compared without case, dots, dashes and underscores.
"""

from __future__ import annotations

import re

__all__ = ["foreign_hint"]

_NONE = "modgate has no such setting"
_STORE = 'store = "/path" or "memory:"'
_OBJECT_STORE = f"modgate stores in a folder or in memory: {_STORE}"
_CREDENTIALS = 'modgate takes credentials for an upstream in its URL: upstream = "https://user:password@host"'

_ATHENS = {
    "StorageType": _STORE,
    "Storage.Disk.RootPath": 'store = "/path"',
    "DISK_STORAGE_ROOT": 'store = "/path"',
    "Storage.External.URL": _OBJECT_STORE,
    "EXTERNAL_STORAGE_URL": _OBJECT_STORE,
    "Port": 'listen = "127.0.0.1:3000"',
    "UnixSocket": 'listen = "unix:/path"',
    "PathPrefix": 'prefix = "/path"',
    "TLSCertFile": "tls.cert",
    "TLSKeyFile": "tls.key",
    "SumDBs": 'sumdb = ["sum.golang.org"] (names or verifier keys, not URLs)',
    "NoSumPatterns": 'no_sumdb = ["corp.example/*"]',
    "GONOSUM_PATTERNS": 'no_sumdb = ["corp.example/*"]',
    "GONOSUMDB_PATTERNS": 'no_sumdb = ["corp.example/*"]',
    "GlobalEndpoint": 'upstream = "https://proxy.example"',
    "DownloadURL": 'upstream = "https://proxy.example"',
    "DownloadMode": 'a miss is always fetched and streamed (Athens: sync); upstream = "off" answers from the '
    "store alone (Athens: none)",
    "NetworkMode": 'version lists merge store and upstream; upstream = "off" is Athens\'s offline',
    "GoBinary": f"{_NONE}; it does not run go to fetch modules",
    "GO_BINARY_PATH": f"{_NONE}; it does not run go to fetch modules",
    "GoBinaryEnvVars": "upstream, private, no_proxy and no_sumdb stand for GOPROXY, GOPRIVATE, GONOPROXY "
    "and GONOSUMDB",
    "GoEnv": f"{_NONE}; one mode serves development and production",
    "GoGetWorkers": "fetch.concurrency and prefetch.concurrency",
    "GoGetDir": f"{_NONE}; temporary files live in the store",
    "ProtocolWorkers": "limits.connections",
    "LogLevel": 'log.level = "info"',
    "BuffaloLogLevel": 'log.level = "info"',
    "LogFormat": 'log.format = "json" or "human"',
    "CloudRuntime": 'log.format = "json"',
    "Timeout": "fetch.total_timeout, with connect_timeout, head_timeout and stall_timeout beside it",
    "ShutdownTimeout": "limits.grace",
    "StashTimeout": "fetch.total_timeout",
    "SingleFlightType": f"{_NONE}; fetches of one object are always joined within a server",
    "SingleFlight": f"{_NONE}; fetches of one object are always joined within a server",
    "FilterFile": f"{_NONE}",
    "ValidatorHook": f"{_NONE}",
    "PROXY_VALIDATOR": f"{_NONE}",
    "BasicAuthUser": f"{_NONE}; tls.client_ca asks clients for certificates",
    "BasicAuthPass": f"{_NONE}; tls.client_ca asks clients for certificates",
    "ForceSSL": f"{_NONE}; with tls.cert and tls.key set, only TLS is spoken",
    "PROXY_FORCE_SSL": f"{_NONE}; with tls.cert and tls.key set, only TLS is spoken",
    "NETRCPath": _CREDENTIALS,
    "HGRCPath": _CREDENTIALS,
    "GithubToken": _CREDENTIALS,
    "EnablePprof": _NONE,
    "PprofPort": _NONE,
    "TraceExporter": _NONE,
    "TraceExporterURL": _NONE,
    "StatsExporter": f"{_NONE}; Prometheus metrics are always on",
    "HomeTemplatePath": _NONE,
    "RobotsFile": _NONE,
    "IndexType": _NONE,
}
_ATHENS_TABLES = {
    "Storage": _OBJECT_STORE,
    "SingleFlight.": f"{_NONE}; fetches of one object are always joined within a server",
    "Minio": _OBJECT_STORE,
    "Mongo": _OBJECT_STORE,
    "Azure": _OBJECT_STORE,
    "S3": _OBJECT_STORE,
}
_GOPROXY = {
    "address": "--listen HOST:PORT",
    "path-prefix": "--prefix PATH",
    "tls-cert-file": "--tls-cert FILE",
    "tls-key-file": "--tls-key FILE",
    "cacher-dir": "--store FOLDER",
    "cacher": "--store FOLDER, or --store memory:",
    "cacher-max-cache-bytes": "--set fetch.max_object=SIZE bounds one object",
    "proxied-sumdbs": "--sumdb SPEC, once for each database",
    "go-bin": f"{_NONE}; it does not run go to fetch modules",
    "go-bin-name": f"{_NONE}; it does not run go to fetch modules",
    "go-bin-env": "--upstream and --private stand for GOPROXY and GOPRIVATE; --set no_proxy=… and no_sumdb=…",
    "go-bin-max-workers": "--set fetch.concurrency=NUMBER",
    "max-direct-fetches": "--set fetch.concurrency=NUMBER",
    "temp-dir": f"{_NONE}; temporary files live in the store",
    "insecure": f"{_NONE}; name the CA with SSL_CERT_FILE instead",
    "connect-timeout": "--set fetch.connect_timeout=30s",
    "fetch-timeout": "--set fetch.total_timeout=10m",
    "shutdown-timeout": "--set limits.grace=10s",
}
_GOPROXY_TABLES = {"cacher-s3-": "modgate stores in a folder or in memory: --store FOLDER"}
_GO = {
    "GOPROXY": "upstream",
    "GOSUMDB": "sumdb",
    "GOPRIVATE": "private",
    "GONOPROXY": "no_proxy",
    "GONOSUMDB": "no_sumdb",
    "GONOSUMCHECK": 'sumdb = "off"',
}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]", "", name).lower()


_EXACT = [
    (tool, {_plain(name): (name, hint) for name, hint in table.items()})
    for tool, table in (("goproxy", _GOPROXY), ("Athens", _ATHENS), ("go", _GO))
]
_STARTS = [
    (tool, {_plain(name): hint for name, hint in table.items()})
    for tool, table in (("goproxy", _GOPROXY_TABLES), ("Athens", _ATHENS_TABLES))
]


def foreign_hint(name: str) -> str:
    """A sentence that translates another tool's setting; empty where the name is none of theirs.

    `name` is a TOML key (dotted), a variable or a flag, as written; `ATHENS_` in front is dropped.
    """
    plain = _plain(name).removeprefix("athens")
    for tool, exact in _EXACT:
        if plain in exact:
            theirs, ours = exact[plain]
            return _sentence(tool, f"--{theirs}" if tool == "goproxy" else theirs, ours)
    for tool, starts in _STARTS:
        for start, ours in starts.items():
            if plain.startswith(start):
                return _sentence(tool, name, ours)
    return ""


def _sentence(tool: str, theirs: str, ours: str) -> str:
    if ours.startswith(("modgate", "a miss", "version lists")):
        return f"{theirs} is a setting of {tool}; {ours}"
    return f"{tool} calls it {theirs}; modgate: {ours}"
