"""The experiment with the real go: what it observes is what is predicted, and a lie would be seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modgate.client.explain.experiment import experiment_json, run_experiment
from modgate.client.machine.local import LocalHost


@pytest.mark.go
async def test_the_real_go_does_what_is_predicted_in_every_layer_and_combination() -> None:
    found = await run_experiment(LocalHost())
    wrong = [one for one in (*found.layers, *found.combinations) if not one.agrees]
    assert not wrong
    assert len(found.combinations) == 2 * 2 * 2 * 2 * 2
    asked = {one.observed for one in found.combinations if one.what == "asks"}
    assert asked == {"GOROOT/1", "GOROOT/2", "OS"}
    written = {one.observed for one in found.combinations if one.what == "cache"}
    assert written == {"~/go/pkg/mod", "GOPATH/pkg/mod", "GOMODCACHE"}
    lied = replace(found, layers=(replace(found.layers[0], observed="x"), *found.layers[1:]))
    assert not lied.agrees
    assert experiment_json(lied)["agrees"] is False
