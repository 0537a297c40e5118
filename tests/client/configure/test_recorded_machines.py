"""Where each scope writes on macOS and Windows, planned on recorded machines."""

from __future__ import annotations

import pytest

from modgate.client.configure.effects import effects
from modgate.client.configure.overlay import EditedHost
from modgate.client.configure.places import Scope
from modgate.client.configure.planning import Order, Plan, plan_change, plan_reset
from modgate.client.machine.goenv import read_go_settings
from modgate.client.machine.host import System
from modgate.client.machine.recorded import RecordedHost
from modgate.client.machine.shells import current_shell

CHAIN = "https://goproxy.cn,direct"
WINDOWS = {
    "APPDATA": r"C:\Users\me\AppData\Roaming",
    "LOCALAPPDATA": r"C:\Users\me\AppData\Local",
    "USERPROFILE": r"C:\Users\me",
}
ROAMING = r"C:\Users\me\AppData\Roaming"


def _mac(**files: str) -> RecordedHost:
    home = "/Users/me"
    found = {f"{home}/{name}": text for name, text in files.items()}
    found[f"{home}/Library/Application Support/Code/User/settings.json"] = "{}\n"
    return RecordedHost(System.MACOS, environ={"HOME": home, "SHELL": "/bin/zsh"}, files=found)


def _windows() -> RecordedHost:
    files = {rf"{ROAMING}\Code\User\settings.json": "{\r\n}\r\n", rf"{ROAMING}\go\env": "GOPROXY=x\r\n"}
    return RecordedHost(System.WINDOWS, environ=WINDOWS, files=files)


async def _plan(host: RecordedHost, scope: Scope) -> Plan:
    order = Order(scope, {"GOPROXY": CHAIN}, current_shell(host))
    return plan_change(host, await read_go_settings(host), order, host.path("/state"))


@pytest.mark.parametrize(
    ("scope", "path", "content"),
    [
        (Scope.GOENV, "/Users/me/Library/Application Support/go/env", f"GOPROXY={CHAIN}\n"),
        (
            Scope.SHELL,
            "/Users/me/.zshenv",
            f"# >>> modgate >>>\nexport GOPROXY='{CHAIN}'\n# <<< modgate <<<\n",
        ),
        (
            Scope.VSCODE_USER,
            "/Users/me/Library/Application Support/Code/User/settings.json",
            f'{{\n    "go.toolsEnvVars": {{\n        "GOPROXY": "{CHAIN}"\n    }}\n}}\n',
        ),
    ],
)
async def test_a_mac_has_its_own_places(scope: Scope, path: str, content: str) -> None:
    plan = await _plan(_mac(), scope)
    assert [(str(edit.path), edit.after) for edit in plan.edits] == [(path, content.encode())]


async def test_a_later_line_on_a_mac_gets_the_block_behind_it() -> None:
    plan = await _plan(_mac(**{".zshrc": "export GOPROXY=https://old.test\n"}), Scope.SHELL)
    assert [str(edit.path) for edit in plan.edits] == ["/Users/me/.zshenv", "/Users/me/.zshrc"]
    host = EditedHost(_mac(**{".zshrc": "export GOPROXY=https://old.test\n"}), plan.edits)
    order = Order(Scope.SHELL, {"GOPROXY": CHAIN}, current_shell(host))
    assert not [effect for effect in effects(host, order) if effect.hides]


async def test_windows_has_its_own_places_and_line_ends() -> None:
    goenv, shell, editor = [
        (await _plan(_windows(), scope)).edits for scope in (Scope.GOENV, Scope.SHELL, Scope.VSCODE_USER)
    ]
    assert [(str(edit.path), edit.after) for edit in goenv] == [
        (rf"{ROAMING}\go\env", f"GOPROXY={CHAIN}\n".encode())
    ]
    assert all(str(edit.path).endswith("Microsoft.PowerShell_profile.ps1") for edit in shell)
    assert b"$env:GOPROXY = 'https://goproxy.cn,direct'" in (shell[0].after or b"")
    assert [str(edit.path) for edit in editor] == [rf"{ROAMING}\Code\User\settings.json"]
    assert (editor[0].after or b"").count(b"\n") == (editor[0].after or b"").count(b"\r\n")


async def test_a_reset_of_a_recorded_machine_knows_its_memory() -> None:
    host = _mac()
    plan = await _plan(host, Scope.GOENV)
    (memory,) = plan.memory
    (edit,) = plan.edits
    files = {str(memory.path): memory.after, str(edit.path): edit.after}
    changed = RecordedHost(System.MACOS, environ=host.environ, files=files)
    reset = plan_reset(changed, host.path("/state"), None, frozenset())
    assert [(str(edit.path), edit.after) for edit in reset.edits] == [(str(edit.path), None)]
