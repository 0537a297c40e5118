"""Profiles as systems ship them and tools extend them: no finding in them, and each planted fault by name."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from modgate.client.doctor import shell_profiles
from modgate.client.machine.host import System
from modgate.client.machine.recorded import RecordedHost
from tests.client.doctor.settings_scene import HOMES, ids, outcome
from tests.client.machine.distribution_texts import (
    ALPINE_PROFILE,
    ARCH_BASHRC,
    ARCH_PROFILE,
    BREW_ENV,
    CARGO_ENV,
    DEBIAN_BASH_BASHRC,
    DEBIAN_BASHRC,
    DEBIAN_DOT_PROFILE,
    DEBIAN_PROFILE,
    FEDORA_BASH_PROFILE,
    FEDORA_BASHRC,
    FEDORA_ETC_BASHRC,
    FEDORA_PROFILE,
    FISH,
    FISH_TOOLS,
    MACOS_ZPROFILE,
    MACOS_ZSHRC,
    OH_MY_ZSH,
    POSIX_TOOLS,
    SUSE_BASHRC,
    SUSE_DOT_PROFILE,
    SUSE_PROFILE,
    TOOLS,
)

GOOD, OTHER = "https://goproxy.cn,direct", "https://proxy.golang.org,direct"


@dataclass(frozen=True)
class Profile:
    """A machine as shipped. `own` is the file people write to, `unread` one that this shell leaves alone."""

    name: str
    program: str
    files: dict[str, str]
    own: str
    unread: str
    system: System = System.LINUX
    environ: dict[str, str] = field(default_factory=dict)
    tools: str = TOOLS

    @property
    def fish(self) -> bool:
        return self.program.endswith("fish")

    def export(self, name: str, value: str) -> str:
        """One line that sets and exports."""
        return f"set -gx {name} {value}\n" if self.fish else f"export {name}={value}\n"

    def silent(self, name: str, value: str) -> str:
        """One line that sets and does not export."""
        return f"set -g {name} {value}\n" if self.fish else f"{name}={value}\n"

    def appended(self, folder: str) -> str:
        return f"set -gx PATH $PATH {folder}\n" if self.fish else f"export PATH=$PATH:{folder}\n"

    def host(self, *, before: str = "", after: str = "", unread: str = "", goproxy: str = "") -> RecordedHost:
        """The machine with lines at the begin and the end of the own file, or in the one that is not read."""
        home = HOMES[self.system]
        files: dict[str, bytes | str | None] = dict(self.files)
        files[f"{home}/.cargo/env"] = CARGO_ENV
        own, other = f"{home}/{self.own}", f"{home}/{self.unread}"
        files[own] = before + self.files.get(own, "") + after
        if unread:
            files[other] = self.files.get(other, "") + unread
        environ = {"HOME": home, "PATH": "/usr/bin:/bin", "SHELL": self.program, **self.environ}
        return RecordedHost(
            self.system, environ=environ | ({"GOPROXY": goproxy} if goproxy else {}), files=files
        )


DEBIAN = {
    "/etc/profile": DEBIAN_PROFILE,
    "/etc/bash.bashrc": DEBIAN_BASH_BASHRC,
    "/home/me/.profile": DEBIAN_DOT_PROFILE,
    "/home/me/.bashrc": DEBIAN_BASHRC,
    "/home/me/.bash_aliases": "alias gs='git status'\n",
}
FEDORA = {
    "/etc/profile": FEDORA_PROFILE,
    "/etc/bashrc": FEDORA_ETC_BASHRC,
    "/etc/profile.d/lang.sh": 'if [ -n "${LANG}" ]; then\n    saved_lang="$LANG"\nfi\nunset saved_lang\n',
    "/etc/profile.d/which2.sh": 'if [ -n "${BASH_VERSION}" ]; then\n  which () { command which "$@"; }\nfi\n',
    "/home/me/.bash_profile": FEDORA_BASH_PROFILE,
    "/home/me/.bashrc": FEDORA_BASHRC,
}
ARCH = {
    "/etc/profile": ARCH_PROFILE,
    "/etc/bash.bashrc": "[[ $- != *i* ]] && return\n[[ $DISPLAY ]] && shopt -s checkwinsize\n",
    "/home/me/.bash_profile": "#\n# ~/.bash_profile\n#\n\n[[ -f ~/.bashrc ]] && . ~/.bashrc\n",
    "/home/me/.bashrc": ARCH_BASHRC,
}
ALPINE = {
    "/etc/profile": ALPINE_PROFILE,
    "/etc/profile.d/color_prompt.sh.disabled": "_symbol='$'\n",
    "/home/me/.profile": 'ENV="$HOME/.ashrc"\nexport ENV\n',
    "/home/me/.ashrc": "alias ll='ls -l'\n",
}
SUSE = {
    "/etc/profile": SUSE_PROFILE,
    "/etc/bash.bashrc": "case $- in\n*i*) is=bash ;;\nesac\nPS1='\\u@\\h:\\w> '\n",
    "/home/me/.profile": SUSE_DOT_PROFILE,
    "/home/me/.bashrc": SUSE_BASHRC,
}
MACOS = {
    "/etc/zprofile": MACOS_ZPROFILE,
    "/etc/zshrc": MACOS_ZSHRC,
    "/etc/profile": "if [ -x /usr/libexec/path_helper ]; then\n\teval `/usr/libexec/path_helper -s`\nfi\n",
    "/Users/me/.zprofile": 'eval "$(/opt/homebrew/bin/brew shellenv)"\n',
}
PROFILES = (
    Profile("debian", "/bin/bash", DEBIAN, ".bashrc", ".zshrc"),
    Profile(
        "ubuntu",
        "/bin/bash",
        DEBIAN | {"/etc/profile.d/apps-bin-path.sh": 'snap=/snap/bin\nexport PATH="$PATH:$snap"\n'},
        ".bashrc",
        ".bash_profile",
    ),
    Profile("fedora", "/bin/bash", FEDORA, ".bashrc", ".config/fish/config.fish"),
    Profile("arch", "/usr/bin/bash", ARCH, ".bashrc", ".zprofile"),
    Profile(
        "alpine",
        "/bin/ash",
        ALPINE,
        ".ashrc",
        ".bashrc",
        environ={"ENV": "/home/me/.ashrc"},
        tools=POSIX_TOOLS,
    ),
    Profile("opensuse", "/bin/bash", SUSE, ".bashrc", ".zshenv"),
    Profile("macos-zsh", "/bin/zsh", MACOS, ".zshrc", ".bash_profile", system=System.MACOS),
    Profile(
        "macos-bash",
        "/bin/bash",
        {**MACOS, "/Users/me/.bashrc": "alias ll='ls -l'\n"},
        ".bash_profile",
        ".bashrc",
        system=System.MACOS,
    ),
    Profile(
        "oh-my-zsh",
        "/usr/bin/zsh",
        {
            "/etc/zsh/zshenv": 'if [[ -z "$PATH" || "$PATH" == "/bin:/usr/bin" ]]\nthen\n'
            '\texport PATH="/usr/local/bin:/usr/bin:/bin"\nfi\n',
            "/home/me/.zshrc": OH_MY_ZSH,
            "/home/me/.oh-my-zsh/oh-my-zsh.sh": '[[ -n "$ZSH" ]] || export ZSH="${${(%):-%x}:a:h}"\n',
        },
        ".zshrc",
        ".bashrc",
    ),
    Profile(
        "linuxbrew-zsh",
        "/usr/bin/zsh",
        {"/home/me/.zshrc": BREW_ENV, "/home/me/.zshenv": '. "$HOME/.cargo/env"\n'},
        ".zshrc",
        ".profile",
    ),
    Profile(
        "fish",
        "/usr/bin/fish",
        {
            "/home/me/.config/fish/config.fish": FISH,
            "/etc/fish/config.fish": "# Put system-wide fish configuration here\n",
            "/usr/share/fish/vendor_conf.d/snapd.fish": "fish_add_path -aP /snap/bin\n",
            "/home/me/.bashrc": DEBIAN_BASHRC,
        },
        ".config/fish/config.fish",
        ".bashrc",
        tools=FISH_TOOLS,
    ),
)


def _foreign(one: Profile, name: str, value: str) -> str:
    """The line as the shell that reads the other file would have it."""
    return f"set -gx {name} {value}\n" if one.unread.endswith(".fish") else f"export {name}={value}\n"


CLEAN = {
    f"{one.name}-{kind}": host
    for one in PROFILES
    for kind, host in {
        "as-shipped": one.host(),
        "with-tools": one.host(after=one.tools),
        "with-goproxy": one.host(after=one.tools + one.export("GOPROXY", GOOD), goproxy=GOOD),
        "inherited-goproxy": one.host(after=one.tools + one.silent("GOPROXY", GOOD), goproxy=GOOD),
        "same-value-twice": one.host(
            before=one.export("GOPROXY", GOOD), after=one.tools + one.export("GOPROXY", GOOD), goproxy=GOOD
        ),
        "read-and-not-read": one.host(
            after=one.export("GOPROXY", GOOD), unread=_foreign(one, "GOPROXY", GOOD), goproxy=GOOD
        ),
        "goproxy-first": one.host(before=one.export("GOPROXY", GOOD), after=one.tools, goproxy=GOOD),
    }.items()
}
BIN = "/opt/go/bin"
PRIVATE = "git.corp.example/*"


def _planted(one: Profile) -> dict[str, tuple[RecordedHost, str, str]]:
    """By what was done: the machine, the cause to be named, and the file to be named with it."""
    home = HOMES[one.system]
    own, other, tools = f"{home}/{one.own}", f"{home}/{one.unread}", one.tools
    other_spelling = one.appended("~/go/bin" if one.fish else '"$HOME/go/bin"')
    return {
        "no export": (one.host(after=tools + one.silent("GOPROXY", GOOD)), "MG-SHELL-001", own),
        "no export, quoted, first": (
            one.host(before=one.silent("GOPRIVATE", f'"{PRIVATE}"'), after=tools),
            "MG-SHELL-001",
            own,
        ),
        "folder twice": (
            one.host(after=one.appended(BIN) + tools + one.appended(BIN)),
            "MG-SHELL-002",
            own,
        ),
        "folder twice, spelt in two ways": (one.host(after=other_spelling + tools), "MG-SHELL-002", own),
        "override": (
            one.host(
                before=one.export("GOPROXY", GOOD),
                after=tools + one.export("GOPROXY", OTHER),
                goproxy=OTHER,
            ),
            "MG-SHELL-003",
            own,
        ),
        "override, quoted, by a value that is off": (
            one.host(after=one.export("GOPROXY", f"'{GOOD}'") + tools + one.export("GOPROXY", '"off"')),
            "MG-SHELL-003",
            own,
        ),
        "not read": (one.host(after=tools, unread=_foreign(one, "GOPROXY", GOOD)), "MG-SHELL-004", other),
        "not read, another variable": (
            one.host(after=tools, unread=_foreign(one, "HTTPS_PROXY", "http://127.0.0.1:7890")),
            "MG-SHELL-004",
            other,
        ),
    }


PLANTED = {f"{one.name}: {what}": case for one in PROFILES for what, case in _planted(one).items()}


async def _named(host: RecordedHost, cause: str, file: str) -> bool:
    """The cause is told with its file and line, and beside it nothing but that the shell is older."""
    findings = (await outcome(shell_profiles.CHECK, host)).findings
    told = [one for one in findings if one.cause.id != "MG-SHELL-005"]
    if [one.cause.id for one in told] != [cause]:
        return False
    place, _, line = str(told[0].values["second" if cause == "MG-SHELL-003" else "file"]).rpartition(":")
    return place == file and line.isdigit()


@pytest.mark.parametrize("name", CLEAN)
async def test_a_clean_profile_gives_no_finding(name: str) -> None:
    assert ids(await outcome(shell_profiles.CHECK, CLEAN[name])) == []


@pytest.mark.parametrize("name", PLANTED)
async def test_a_planted_fault_is_named_with_its_file_and_no_other_is(name: str) -> None:
    host, cause, file = PLANTED[name]
    assert await _named(host, cause, file), (await outcome(shell_profiles.CHECK, host)).findings


async def test_the_figure_of_profiles_and_planted_faults(capsys: pytest.CaptureFixture[str]) -> None:
    found = [await _named(*case) for case in PLANTED.values()]
    alarms = [name for name, host in CLEAN.items() if ids(await outcome(shell_profiles.CHECK, host))]
    with capsys.disabled():
        print(
            f"\nprofiles {len(CLEAN)}, planted {len(PLANTED)} found {sum(found)}, false alarms {len(alarms)}"
        )
    assert (sum(found), alarms) == (len(PLANTED), [])
