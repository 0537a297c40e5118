"""One computer in a network namespace of its own: addresses, files that it reads, nothing else.

Called as root of the namespace (`unshare -rnm`). Addresses of the laboratory are on `lo`; everything else
leaves through a cable that ends nowhere, so that an address nobody has is silent as a blocked one is.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.names import HERE, HERE6

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["configure", "mount_file", "permitted"]


def permitted() -> str:
    """Why a namespace cannot be made here; empty where it can."""
    for probe in ("true", "ip link add lab0 type dummy || ip link add lab0 type veth peer name lab1"):
        try:
            done = subprocess.run(
                ["unshare", "-rnm", "sh", "-c", probe],
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
        except OSError as error:
            return f"unshare: {error.strerror}"
        if done.returncode:
            return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "unshare failed"
    return ""


def configure(addresses: Iterable[str], *, ipv6: bool = False, unreachable: Iterable[str] = ()) -> None:
    """Bring the network up with these addresses on it; `ipv6` adds a route that leads nowhere."""
    if _ip("link add lab0 type dummy", fails=True):
        _ip("link add lab0 type veth peer name lab1")
        _ip("link set lab1 up")
    _ip("link set lo up")
    _ip("link set lab0 arp off up")
    _ip(f"addr add {HERE}/16 dev lab0")
    _ip("route add default dev lab0")
    for address in addresses:
        # Without nodad an IPv6 address is tentative for a moment, and cannot be bound.
        _ip(f"addr add {address}/128 dev lo nodad" if ":" in address else f"addr add {address}/32 dev lo")
    if ipv6:
        _ip(f"addr add {HERE6}/64 dev lab0 nodad")
        _ip("route add default dev lab0", family="-6")
    else:
        Path("/proc/sys/net/ipv6/conf/lab0/disable_ipv6").write_text("1", encoding="ascii")
    for address in unreachable:
        _ip(f"route add unreachable {address}")


def mount_file(target: Path, content: bytes, folder: Path) -> None:
    """Let `target` have this content inside of the namespace. It must exist."""
    real = target.resolve()
    source = folder / real.as_posix().strip("/").replace("/", "_")
    source.write_bytes(content)
    subprocess.run(["mount", "--bind", str(source), str(real)], check=True)


def mount_folder(target: Path, files: Mapping[str, bytes], folder: Path) -> None:
    """Let the folder `target` hold these files and nothing else."""
    source = folder / target.as_posix().strip("/").replace("/", "_")
    source.mkdir()
    for name, content in files.items():
        (source / name).write_bytes(content)
    subprocess.run(["mount", "--bind", str(source), str(target)], check=True)


def _ip(words: str, *, fails: bool = False, family: str = "") -> bool:
    """Run `ip`; True where it failed and may."""
    argv = ["ip", *([family] if family else []), *words.split()]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode and not fails:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.returncode != 0
