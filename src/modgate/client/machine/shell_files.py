"""Which files a shell reads when it starts, in order, and where a setting of one's own belongs.

Sources: bash(1) INVOCATION, zsh(1) STARTUP/SHUTDOWN FILES, fish "Configuration files", ksh and dash via ENV,
PowerShell about_Profiles. What a terminal starts differs between systems: on macOS a login shell, on Linux
not; a desktop editor asks `$SHELL -ilc` on both.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from modgate.client.machine.host import System
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import PurePath

    from modgate.client.machine.host import Host

__all__ = [
    "EDITOR",
    "Session",
    "Shell",
    "all_profile_files",
    "assignment_line",
    "current_shell",
    "profile_files",
    "profile_to_write",
    "terminal_session",
    "with_block",
]


class Shell(StrEnum):
    """The shells whose files are known; `sh` stands for dash, ksh and other POSIX shells."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    SH = "sh"
    POWERSHELL = "powershell"


@dataclass(frozen=True, slots=True)
class Session:
    """How a shell was started."""

    login: bool
    interactive: bool = True


EDITOR = Session(login=True)
"""What VS Code started from the desktop runs once: `$SHELL -ilc`."""


def current_shell(host: Host) -> Shell:
    """The person's shell by SHELL; PowerShell on Windows, `sh` for what is not known."""
    if host.system is System.WINDOWS:
        return Shell.POWERSHELL
    name = posixpath.basename(host.environ.get("SHELL", "")).removesuffix(".exe")
    if name in {"pwsh", "powershell"}:
        return Shell.POWERSHELL
    return Shell(name) if name in Shell.__members__.values() else Shell.SH


def terminal_session(system: System) -> Session:
    """What a new terminal window starts."""
    return Session(login=system is System.MACOS)


def profile_files(host: Host, shell: Shell, session: Session, *, folder: str = "") -> tuple[PurePath, ...]:
    """The files that this session reads, in order, whether they are there or not.

    Of bash's three login files only the first that is there is read, so the others are left out. `folder` is
    zsh's ZDOTDIR where a file has set it.
    """
    home = host.home
    match shell:
        case Shell.BASH:
            return _bash(host, session)
        case Shell.ZSH:
            return _zsh(host, session, host.path(folder) if folder else _zsh_folder(host))
        case Shell.FISH:
            return _fish(host)
        case Shell.SH:
            login = (host.path("/etc/profile"), home / ".profile") if session.login else ()
            named = host.environ.get("ENV", "")
            return (*login, *((host.path(named),) if named and session.interactive else ()))
        case _:
            return _powershell(host)


def all_profile_files(host: Host) -> tuple[PurePath, ...]:
    """Every file that some shell would read for this person: where a misplaced setting may stand."""
    home, zsh = host.home, _zsh_folder(host)
    names = (".bash_profile", ".bash_login", ".profile", ".bashrc")
    files = [home / name for name in names]
    files += [zsh / name for name in (".zshenv", ".zprofile", ".zshrc", ".zlogin")]
    files.append(_config(host) / "fish" / "config.fish")
    files += _powershell(host)
    return tuple(files)


def profile_to_write(host: Host, shell: Shell) -> PurePath:
    """The file in which a variable reaches terminals and editors alike."""
    match shell:
        case Shell.BASH:
            # A macOS terminal is a login shell, which reads no .bashrc of its own accord.
            if host.system is System.MACOS:
                return _first_login_file(host) or host.home / ".bash_profile"
            return host.home / ".bashrc"
        case Shell.ZSH:
            return _zsh_folder(host) / ".zshenv"
        case Shell.FISH:
            return _config(host) / "fish" / "conf.d" / "modgate.fish"
        case Shell.SH:
            return host.home / ".profile"
        case _:
            return _powershell(host)[-1]


def assignment_line(shell: Shell, name: str, value: str) -> str:
    """The line that sets and exports a variable, quoted so that the shell changes nothing in it."""
    if shell is Shell.POWERSHELL:
        # It takes each of Unicode's single quotes for the end as well.
        quoted = re.sub("(['‘’‚‛])", r"\1\1", value)
        return f"$env:{name} = '{quoted}'"
    if shell is Shell.FISH:
        quoted = re.sub(r'(["\\$])', r"\\\1", value)
        return f'set -gx {name} "{quoted}"'
    quoted = value.replace("'", "'\\''")
    return f"export {name}='{quoted}'"


def with_block(text: str, lines: tuple[str, ...], *, begin: str, end: str) -> str:
    """The file's text with one marked block that holds these lines, or without it where there are none.

    `begin` and `end` are whole lines. Everything outside of the block stays as it is.
    """
    start = text.find(f"{begin}\n")
    stop = text.find(f"{end}\n", start) if start >= 0 else -1
    before, after = (text[:start], text[stop + len(end) + 1 :]) if stop >= 0 else (text, "")
    if not lines:
        return before + after
    if before and not before.endswith("\n"):
        before += "\n"
    return before + "\n".join((begin, *lines, end)) + "\n" + after


def _bash(host: Host, session: Session) -> tuple[PurePath, ...]:
    if session.login:
        own = _first_login_file(host)
        return (host.path("/etc/profile"), *((own,) if own else ()))
    if session.interactive:
        return (host.path("/etc/bash.bashrc"), host.home / ".bashrc")
    named = host.environ.get("BASH_ENV", "")
    return (host.path(named),) if named else ()


def _first_login_file(host: Host) -> PurePath | None:
    for name in (".bash_profile", ".bash_login", ".profile"):
        path = host.home / name
        try:
            if host.status(path) is not None:
                return path
        except Unavailable:
            continue
    return None


def _zsh(host: Host, session: Session, own: PurePath) -> tuple[PurePath, ...]:
    system = host.path("/etc")
    # Debian keeps the system's files in a folder of their own.
    if host.listdir(system / "zsh"):
        system = system / "zsh"
    names = ["zshenv"]
    names += ["zprofile"] if session.login else []
    names += ["zshrc"] if session.interactive else []
    names += ["zlogin"] if session.login else []
    return tuple(path for name in names for path in (system / name, own / f".{name}"))


def _fish(host: Host) -> tuple[PurePath, ...]:
    own, system = _config(host) / "fish", host.path("/etc/fish")
    shares = host.environ.get("XDG_DATA_DIRS", "") or "/usr/local/share:/usr/share"
    vendors = [host.path(share) / "fish" / "vendor_conf.d" for share in shares.split(":") if share]
    # Of two drop-ins with one name the first alone is read: a person's own hides the system's.
    drops: dict[str, PurePath] = {}
    for folder in (own / "conf.d", system / "conf.d", *vendors):
        for path in _scripts(host, folder):
            drops.setdefault(path.name, path)
    return (own / "fish_variables", *drops.values(), system / "config.fish", own / "config.fish")


def _zsh_folder(host: Host) -> PurePath:
    named = host.environ.get("ZDOTDIR", "")
    return host.path(named) if named else host.home


def _config(host: Host) -> PurePath:
    named = host.environ.get("XDG_CONFIG_HOME", "")
    return host.path(named) if named else host.home / ".config"


def _scripts(host: Host, folder: PurePath) -> tuple[PurePath, ...]:
    try:
        return tuple(folder / name for name in host.listdir(folder) if name.endswith(".fish"))
    except Unavailable:
        return ()


def _powershell(host: Host) -> tuple[PurePath, ...]:
    names = ("profile.ps1", "Microsoft.PowerShell_profile.ps1")
    if host.system is not System.WINDOWS:
        return tuple(_config(host) / "powershell" / name for name in names)
    documents = host.home / "Documents"
    return tuple(documents / kind / name for kind in ("WindowsPowerShell", "PowerShell") for name in names)
