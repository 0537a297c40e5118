"""Names of Athens, goproxy and go lead to ours, wherever they are written."""

from __future__ import annotations

import re

import pytest

from modgate.config import FLAGS, all_keys, unknown
from modgate.config import foreign as table
from modgate.config.foreign import foreign_hint
from modgate.config.keys import sections


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("StorageType", 'Athens calls it StorageType; modgate: store = "/path" or "memory:"'),
        ("Storage.Disk.RootPath", 'modgate: store = "/path"'),
        ("ATHENS_DISK_STORAGE_ROOT", 'modgate: store = "/path"'),
        ("ATHENS_STORAGE_TYPE", 'store = "/path"'),
        ("STORAGE_TYPE", 'store = "/path"'),
        ("GoBinary", "no such setting"),
        ("DownloadMode", 'upstream = "off"'),
        ("ATHENS_GONOSUM_PATTERNS", "no_sumdb"),
        ("SumDBs", "sumdb"),
        ("Port", "listen"),
        ("Storage.S3.Bucket", "folder or in memory"),
        ("SingleFlight.Redis.Endpoint", "joined"),
        ("cacher-dir", "goproxy calls it --cacher-dir; modgate: --store FOLDER"),
        ("cacher", "--store"),
        ("proxied-sumdbs", "--sumdb"),
        ("address", "--listen"),
        ("go-bin-env", "--upstream"),
        ("path-prefix", "--prefix"),
        ("tls-cert-file", "--tls-cert"),
        ("cacher-s3-bucket", "folder or in memory"),
        ("GOPROXY", "go calls it GOPROXY; modgate: upstream"),
    ],
)
def test_a_name_of_another_proxy_is_translated(name: str, said: str) -> None:
    assert said in foreign_hint(name)
    assert said in unknown(name)


def test_our_own_slips_are_not_taken_for_foreign_names() -> None:
    shared = {"log.format", "log.level"}
    for name in [*all_keys().keys() - shared, "listn", "retry", "prefetch", "log"]:
        assert foreign_hint(name) == ""


def test_every_flag_and_key_a_hint_names_exists() -> None:
    hints = "\n".join(hint for part in (table._ATHENS, table._GOPROXY, table._GO) for hint in part.values())
    for flag in re.findall(r"--[a-z][a-z-]+", hints):
        assert flag in FLAGS or flag == "--set", flag
    for key in re.findall(r"\b[a-z_]+\.[a-z_]+\b", hints):
        if key.partition(".")[0] in sections():
            assert key in all_keys(), key
    for key in re.findall(r"(\w+) = ", hints):
        assert key in all_keys() or key in {leaf for _, _, leaf in (k.partition(".") for k in all_keys())}, (
            key
        )


@pytest.mark.parametrize(
    ("flag", "said"),
    [("lisen", "did you mean --listen?"), ("fetch-retries", "did you mean --set fetch.retries=VALUE?"),
     ("retries", "did you mean --set fetch.retries=VALUE?"), ("zzz", "lists the flags")],
)  # fmt: skip
def test_an_unknown_flag_is_led_to_the_nearest(flag: str, said: str) -> None:
    assert said in unknown(flag, shown="flag")
