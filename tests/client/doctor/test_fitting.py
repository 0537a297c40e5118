"""Commands are those that work where the variable stands."""

from __future__ import annotations

import pytest

from modgate.client.doctor.fitting import fitting
from modgate.client.machine.host import System
from modgate.client.machine.settings import GoSettings, Layer, Setting, Value
from modgate.messages import Message


@pytest.mark.parametrize(
    ("text", "layer", "system", "expected"),
    [
        (
            'go env -w "GOPROXY=https://b.test,direct".',
            Layer.OS,
            System.LINUX,
            "export GOPROXY='https://b.test,direct'.",
        ),
        ("go env -w GOPROXY=https://b.test；", Layer.OS, System.WINDOWS, "$env:GOPROXY='https://b.test'；"),
        ("go env -w GOPROXY=x", Layer.GOENV, System.LINUX, "go env -w GOPROXY=x"),
        ("go env -w GOSUMDB=x", Layer.OS, System.LINUX, "go env -w GOSUMDB=x"),
        ("what go env -w wrote", Layer.OS, System.LINUX, "what go env -w wrote"),
    ],
)
def test_go_env_w_is_said_only_where_it_helps(text: str, layer: Layer, system: System, expected: str) -> None:
    go = GoSettings({"GOPROXY": Setting("GOPROXY", Value(layer, "https://a.test"))})
    assert fitting(lambda message: message.key, go, system)(Message(text)) == expected
