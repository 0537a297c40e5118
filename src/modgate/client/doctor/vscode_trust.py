"""Does VS Code trust this folder? In one that it does not trust, the Go extension does not run.

Only a folder that the editor has had open is worth a word, and only where its state can be read: what is not
known is no finding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import editor as causes
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.editor_values import short
from modgate.client.machine.editors import read_editors
from modgate.client.machine.vscode_trust import read_trust
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene


async def _run(scene: Scene) -> Result:
    findings: list[Finding] = []
    facts: list[Message] = []
    for editor in read_editors(scene.host):
        if editor.remote:
            continue
        trust = read_trust(scene.host, editor)
        folder = short(scene.host, editor.folder)
        values = {"name": editor.name, "folder": folder}
        if trust.switched_off:
            facts.append(Message("desktop.trust.off", values))
        elif trust.trusted is None:
            why = Message(f"desktop.trust.{trust.why}")
            facts.append(Message("desktop.trust.unknown", {**values, "why": why}))
        elif trust.trusted:
            facts.append(Message("desktop.trust.trusted", values))
        elif not trust.opened:
            facts.append(Message("desktop.trust.never-opened", values))
        else:
            said = "desktop.trust.refused" if trust.explicit else "desktop.trust.undecided"
            findings.append(
                Finding(
                    causes.UNTRUSTED_WORKSPACE,
                    {"folder": folder},
                    impact=Impact.DEGRADES,
                    confidence=0.9 if trust.explicit else 0.7,
                    evidence=(
                        Evidence(
                            what=Message(said, values),
                            source=str(editor.user_folder / "globalStorage" / "state.vscdb"),
                        ),
                    ),
                    subject=str(editor.folder),
                )
            )
    return Result(tuple(findings), tuple(facts) or (Message("desktop.editor.none"),))


CHECK = Check("vscode-trust", run=_run, network=False, groups=("VSC",))
