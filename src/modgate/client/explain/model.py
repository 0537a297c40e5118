"""A variable or an editor's key with every place that says something about it, strongest first.

"I set it and nothing changed" has three answers: something stronger hides it, this program never sees it, or
it was read before. So a place that does not count is told as well, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modgate.client.machine.settings import GoSettings
    from modgate.messages import Message

__all__ = ["Consumer", "Explained", "Explanation", "Place", "Source", "State"]


class Consumer(StrEnum):
    """Which program is asked about: each gets its variables in another way."""

    TERMINAL = "terminal"
    GOPLS = "gopls"
    VSCODE_TERMINAL = "vscode-terminal"
    GUI = "gui"


class Place(StrEnum):
    """What kind of place says something."""

    ENVIRONMENT = "environment"
    PROFILE = "profile"
    EDITOR = "editor"
    EDITOR_PROCESS = "editor-process"
    LAUNCHD = "launchd"
    SYSTEMD = "systemd"
    ENVIRONMENT_D = "environment.d"
    ETC_ENVIRONMENT = "etc-environment"
    REGISTRY = "registry"
    GOENV = "goenv"
    GOROOT = "goroot"
    BUILT_IN = "built-in"


class State(StrEnum):
    """Whether a place counts for this consumer."""

    WINS = "wins"
    HIDDEN = "hidden"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Source:
    """One place.

    Attributes:
        name: The variable or key as it is written there (`https_proxy` counts for HTTPS_PROXY).
        place: What kind of place.
        text: The value as it stands there, None where only the shell could tell it.
        state: Whether it counts.
        file: Empty where the place is no file.
        line: From 1, 0 where there is none.
        scope: Of an editor's setting: `user`, `profile`, `remote`, `workspace`, `folder`, `default`; of the
            registry: `user`, `machine`.
        key: Of an editor's setting that sets a variable: the setting's name.
        why: Why it does not count, or what is special about it.
    """

    name: str
    place: Place
    text: str | None
    state: State = State.HIDDEN
    file: str = ""
    line: int = 0
    scope: str = ""
    key: str = ""
    why: Message | None = None


@dataclass(frozen=True, slots=True)
class Explained:
    """A variable or key.

    Attributes:
        name: As it was asked for.
        value: What the consumer gets; None where nothing sets it.
        sources: Strongest first; those that this consumer never sees at the end.
        changed: It differs from what it is on a fresh machine (for Go's own variables: as
            `go env -changed` judges).
        predicted: It was computed from files; the program itself was not asked.
    """

    name: str
    value: str | None
    sources: tuple[Source, ...] = ()
    changed: bool = False
    predicted: bool = False

    @property
    def winner(self) -> Source | None:
        """The place whose value counts, None where nothing sets it."""
        return next((source for source in self.sources if source.state is State.WINS), None)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that was asked.

    Attributes:
        consumer: Whom it is true for.
        go: Go's settings as this consumer has them.
        variables: In the order of asking.
        keys: Settings of the editor that were asked for.
        notes: What holds for all of it.
        files: The shell's files that play a part, in the order of reading.
        shell: Its name.
    """

    consumer: Consumer
    go: GoSettings
    variables: tuple[Explained, ...] = ()
    keys: tuple[Explained, ...] = ()
    notes: tuple[Message, ...] = ()
    files: tuple[str, ...] = field(default=())
    shell: str = ""
