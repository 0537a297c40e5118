"""How `modgate policy` tells what it found: documents for machines, lines for people."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.text import Text

from modgate.cli.speech import console
from modgate.model.decision import Effect
from modgate.policy.comparing import compare
from modgate.policy.decision import decide, outcomes
from modgate.policy.problems import PolicyInvalid
from modgate.policy.telling import decision_document, facts_document, told_rules
from modgate.policy.texts import denial_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.messages import Catalogue
    from modgate.policy.facts import Facts
    from modgate.policy.rules import Policy
    from modgate.policy.trial import Trial

__all__ = [
    "check_document",
    "diff_document",
    "explained_document",
    "show_check",
    "show_diff",
    "show_explained",
    "show_policy",
    "show_tests",
    "tests_document",
]

_ROWS = 50
_STYLES = {"deny": "red", "ban": "red", "quarantine": "magenta", "hide": "yellow", "warn": "yellow"}
_MARKS = {True: "✓", False: "✗", None: "?"}


def check_document(found: Sequence[tuple[str, Policy | PolicyInvalid]], now: float) -> dict[str, Any]:
    """Each file: its revision and what it holds, or every fault."""
    files = [_checked(name, policy, now) for name, policy in found]
    return {"ok": all(not each["problems"] for each in files), "files": files}


def _checked(name: str, policy: Policy | PolicyInvalid, now: float) -> dict[str, Any]:
    if isinstance(policy, PolicyInvalid):
        problems = [{"line": each.line, "key": each.key, "what": each.what} for each in policy.problems]
        return {"file": name, "problems": problems, "lines": policy.lines()}
    expired = [{"id": each.id, "owner": each.owner, "expires": each.expires} for each in policy.expired(now)]
    return {
        "file": name,
        "problems": [],
        "revision": policy.revision,
        "select": policy.select,
        "rules": len(policy.rules),
        "waivers": len(policy.waivers),
        "needs": sorted(policy.needs),
        "expired": expired,
    }


def show_check(document: dict[str, Any], say: Catalogue) -> None:
    """The same, for people."""
    out = console()
    for each in document["files"]:
        if each["problems"]:
            for line in each["lines"]:
                out.print(Text(line), soft_wrap=True)
            out.print(say("policy.check.wrong", file=each["file"], count=len(each["problems"])))
            continue
        out.print(say("policy.check.fine", **{key: each[key] for key in ("file", "rules", "waivers")}))
        out.print(f"  {say('policy.check.revision', revision=each['revision'], select=each['select'])}")
        if each["needs"]:
            out.print(f"  {say('policy.check.needs', needs=', '.join(each['needs']))}")
        for waiver in each["expired"]:
            told = say(
                "policy.check.expired", id=waiver["id"], day=_day(waiver["expires"]), owner=waiver["owner"]
            )
            out.print(Text(f"  {told}", style="yellow"))


def tests_document(results: Sequence[tuple[str, Sequence[Trial]]]) -> dict[str, Any]:
    """Every case with what came of it."""
    cases = [
        {
            "file": name,
            "line": trial.case.line,
            "name": trial.case.name,
            "passed": not trial.wrong,
            "wanted": dict(trial.case.wanted),
            "wrong": list(trial.wrong),
            "decision": decision_document(trial.decision),
        }
        for name, trials in results
        for trial in trials
    ]
    return {"tests": len(cases), "failed": sum(not each["passed"] for each in cases), "results": cases}


def show_tests(document: dict[str, Any], say: Catalogue) -> None:
    """A line for each case, and more for one that failed."""
    out = console()
    for case in document["results"]:
        out.print(Text(f"{_MARKS[case['passed']]} {case['name']}", style="" if case["passed"] else "red"))
        for name in case["wrong"]:
            got = case["decision"][name] or say("policy.text.nothing")
            wanted = case["wanted"][name] or say("policy.text.nothing")
            told = say("policy.test.wrong", field=name, wanted=wanted, got=got)
            _indented(f"{case['file']}:{case['line']}: {told}")
        if case["wrong"]:
            _indented(_decided(case["decision"], say))
    if not document["tests"]:
        out.print(say("policy.test.none"))
    else:
        out.print(say("policy.test.done", tests=document["tests"], failed=document["failed"]))


def explained_document(policy: Policy, facts: Facts, now: float) -> dict[str, Any]:
    """How a decision comes about, without a gate."""
    decision = decide(policy, facts, now=now)
    return {
        "decision": decision_document(decision),
        "text": list(denial_lines(decision)) if decision.effect.refuses else [],
        "facts": facts_document(facts),
        "policy": {"revision": policy.revision, "select": policy.select},
        "rules": told_rules(policy, facts, list(outcomes(policy, facts, now=now))),
    }


def show_explained(document: dict[str, Any], say: Catalogue) -> None:
    """Rule by rule, then the decision, then what a client is told."""
    out = console()
    decision = document["decision"]
    for number, rule in enumerate(document["rules"], start=1):
        _show_rule(number, rule, say)
    out.print()
    subject = f"{decision['module']}@{decision['version']}"
    out.print(Text(f"{subject}: {decision['effect']}", style=_STYLES.get(decision["effect"], "green")))
    _indented(_decided(decision, say))
    if decision["unknown"]:
        _indented(say("policy.explain.unknown", what=decision["unknown"]))
    if decision["personal"]:
        _indented(say("policy.explain.personal"))
    if document["text"]:
        out.print(say("policy.explain.text"))
        for line in document["text"]:
            out.print(Text(f"  {line}"), soft_wrap=True)


def _show_rule(number: int, rule: dict[str, Any], say: Catalogue) -> None:
    name = rule["id"] or say("policy.text.default")
    mode = "" if rule["mode"] == "enforce" else f", {rule['mode']}"
    came = say(f"policy.outcome.{rule['outcome'].replace('-', '_')}")
    style = "bold" if rule["outcome"] == "decides" else "dim" if rule["outcome"] == "not-asked" else ""
    console().print(Text(f"{number}. {name} ({rule['effect']}{mode}): {came}", style=style))
    for each in rule["conditions"]:
        found = each["found"] or say("policy.text.nothing")
        told = say("policy.explain.condition", name=each["key"], wanted=each["wanted"], found=found)
        _indented(f"{_MARKS[each['holds']]} {told}", by=3)
    if rule["unknown"]:
        _indented(say(f"policy.explain.on_error_{rule['on_error']}", what=rule["unknown"]), by=3)
    if rule["doubtful"]:
        _indented(say("policy.explain.doubtful"), by=3)
    if rule["waiver"]:
        _indented(say("policy.explain.waiver", id=rule["waiver"]), by=3)


def _decided(decision: dict[str, Any], say: Catalogue) -> str:
    words = [decision["reason"]] if decision["reason"] else []
    words.append(say("policy.text.by", rule=decision["rule"] or say("policy.text.default")))
    if decision["would"] != decision["effect"]:
        words.append(say("policy.text.would", effect=decision["would"]))
    if decision["waiver"]:
        words.append(say("policy.text.waived", id=decision["waiver"]))
    if decision["id"]:
        words.append(decision["id"])
    return "; ".join(words)


def diff_document(old: Policy, new: Policy, facts: Sequence[Facts], now: float) -> dict[str, Any]:
    """What would change for these versions."""
    found = [each for one in facts if (each := compare(old, new, one, now=now)) is not None]
    return {
        "versions": len({(one.path, one.version) for one in facts}),
        "uses": len(facts),
        "changes": len(found),
        "old": old.revision,
        "new": new.revision,
        "results": found,
    }


def show_diff(document: dict[str, Any], say: Catalogue) -> None:
    """The severest change first."""
    out = console()
    rows = sorted(
        document["results"],
        key=lambda row: (-Effect(row["after"]).rank, row["module"], row["version"], row["consumer"]),
    )
    for row in rows[:_ROWS]:
        who = f"  {row['consumer']}" if row["consumer"] else ""
        head = f"{row['before']} -> {row['after']}  {row['module']}@{row['version']}{who}"
        out.print(Text(head, style=_STYLES.get(row["after"], "green")), soft_wrap=True)
        by = say("policy.text.by", rule=row["rule"] or say("policy.text.default"))
        _indented(f"{row['reason']}; {by}" if row["reason"] else by)
        if row["unknown"]:
            _indented(say("policy.explain.unknown", what=row["unknown"]))
    if len(rows) > _ROWS:
        out.print(say("policy.diff.more", count=len(rows) - _ROWS))
    counts = {name: document[name] for name in ("versions", "uses", "changes")}
    out.print(say("policy.diff.done", **counts))


def show_policy(facts: dict[str, Any], say: Catalogue) -> None:
    """What is in force, since when, and what is wrong with the file."""
    out = console()
    if not facts["configured"]:
        out.print(say("policy.show.none"))
    else:
        out.print(Text(facts["file"] or say("policy.show.in_force")), soft_wrap=True)
        if facts["since"]:
            since = dt.datetime.fromtimestamp(facts["since"], tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            _indented(say("policy.show.since", revision=facts["revision"], since=since))
        else:
            _indented(say("policy.check.revision", revision=facts["revision"], select=facts["select"]))
        _indented(say("policy.show.select", select=facts["select"], default=facts["default"]))
    for number, rule in enumerate(facts["rules"], start=1):
        mode = "" if rule["mode"] == "enforce" else f", {rule['mode']}"
        _indented(f"{number}. {rule['id']} ({rule['effect']}{mode})")
    for waiver in facts["waivers"]:
        told = say("policy.show.waiver", day=_day(waiver["expires"]), **{k: waiver[k] for k in _WAIVER})
        _indented(f"{told} {say('policy.show.ended')}" if waiver["expired"] else told)
    if facts["error"]:
        out.print(Text(say("policy.show.error", error=facts["error"]), style="red"))


_WAIVER = ("id", "modules", "owner")


def _indented(line: str, by: int = 2) -> None:
    console().print(Padding(Text(line), (0, 0, 0, by), expand=False))


def _day(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%d %H:%MZ")
