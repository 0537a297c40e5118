"""A real OpenSSH server as an ordinary process on loopback: one user, one key, `git-upload-pack` only.

The server has a host key of its own and knows one authorized key, whose forced command looks at what
was asked, writes it down, and runs nothing but `git-upload-pack` below one folder. It runs as whoever
runs the tests; root needs the empty folder /run/sshd, which the system's own start script makes and a
container often lacks.
"""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["SshServer", "ssh_key", "sshd_program"]

_FORCED = """\
#!/bin/sh
printf '%s\\n' "$SSH_ORIGINAL_COMMAND" >>{log}
case "$SSH_ORIGINAL_COMMAND" in
"git-upload-pack '/"*"'" | "git upload-pack '/"*"'") ;;
*) echo "only git-upload-pack is served here" >&2; exit 1 ;;
esac
path=${{SSH_ORIGINAL_COMMAND#*\\'}}
path=${{path%\\'}}
case "$path" in
*\\'* | *..*) echo "no such path" >&2; exit 1 ;;
esac
PATH={path}
GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
export PATH GIT_CONFIG_NOSYSTEM GIT_CONFIG_GLOBAL GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0
exec git-upload-pack {root}"$path"
"""


def sshd_program() -> str:
    """The server's program; the test is skipped where it is missing."""
    found = shutil.which("sshd", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin")))
    if found is None or shutil.which("ssh-keygen") is None or shutil.which("ssh") is None:
        pytest.skip("no OpenSSH server here: install openssh-server and openssh-client")
    import pwd  # noqa: PLC0415  not on every system

    try:
        shell = pwd.getpwuid(os.getuid()).pw_shell
    except KeyError:
        pytest.skip("this user has no account here, so nobody can log in to it")
    if Path(shell).name in {"nologin", "false"}:
        pytest.skip("this user's shell lets nobody log in")
    return found


def ssh_key(path: Path) -> Path:
    """A new key without a passphrase; the public half is beside it as `.pub`."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return path


class SshServer:
    """`with SshServer(folder, root) as server:` serves the repositories below `root` over ssh.

    Attributes:
        key: The private key that is let in.
        known_hosts: A file with the server's own key.
        user: The account.
        port: The port on 127.0.0.1.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._program = sshd_program()
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._log = folder / "sshd.log"
        self._commands = folder / "commands"
        self.user = getpass.getuser()
        self.key = ssh_key(folder / "client")
        self.known_hosts = folder / "known_hosts"
        ssh_key(folder / "host")
        forced = folder / "forced"
        forced.write_text(
            _FORCED.format(
                log=shlex.quote(str(self._commands)),
                root=shlex.quote(str(root)),
                path=shlex.quote(os.environ.get("PATH", os.defpath)),
            ),
            encoding="utf-8",
        )
        forced.chmod(0o700)
        public = self.key.with_suffix(".pub").read_text(encoding="ascii").strip()
        (folder / "authorized").write_text(f'restrict,command="{forced}" {public}\n', encoding="ascii")
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, path: str) -> str:
        """The address of a repository; `path` begins with a slash."""
        return f"ssh://{self.user}@127.0.0.1:{self.port}{path}"

    @property
    def commands(self) -> list[str]:
        """What was asked, in order."""
        return self._commands.read_text(encoding="utf-8").splitlines() if self._commands.exists() else []

    @property
    def log(self) -> str:
        """What the server wrote of itself."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def replace_host_key(self) -> None:
        """From the next start on the server shows another key, as an impostor would."""
        for name in ("host", "host.pub"):
            (self._folder / name).unlink()
        ssh_key(self._folder / "host")

    def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        for _ in range(5):
            port = self.port or _free_port()
            if self._started(port):
                break
        else:
            raise RuntimeError(f"sshd does not start:\n{self.log}")
        if not self.port:
            host = (self._folder / "host.pub").read_text(encoding="ascii").strip()
            self.known_hosts.write_text(f"[127.0.0.1]:{port} {host}\n", encoding="ascii")
        self.port = port

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def _started(self, port: int) -> bool:
        config = self._folder / "sshd_config"
        config.write_text(
            "\n".join(
                (
                    f"ListenAddress 127.0.0.1:{port}",
                    f"HostKey {self._folder / 'host'}",
                    f"AuthorizedKeysFile {self._folder / 'authorized'}",
                    f"PidFile {self._folder / 'pid'}",
                    f"AllowUsers {self.user}",
                    "AuthenticationMethods publickey",
                    "PasswordAuthentication no",
                    "KbdInteractiveAuthentication no",
                    "PermitRootLogin forced-commands-only",
                    "PermitUserEnvironment no",
                    "AcceptEnv GIT_PROTOCOL",
                    # An ordinary user cannot see whether the account is locked; PAM can.
                    f"UsePAM {'no' if os.getuid() == 0 else 'yes'}",
                    # Test folders lie below /tmp, which everybody may write.
                    "StrictModes no",
                    "MaxStartups 100",
                    "LogLevel VERBOSE",
                    "",
                )
            ),
            encoding="ascii",
        )
        with self._log.open("ab") as log:
            size = log.tell()
            self._process = subprocess.Popen(
                [self._program, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=log
            )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._process.poll() is None:
            if b"Server listening" in self._log.read_bytes()[size:]:
                return True
            time.sleep(0.01)
        self.stop()
        return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
