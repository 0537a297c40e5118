"""What a wish would break: refused before anything is written, with the value that was probably meant.

Three grades. What go cannot use, or takes for something else than was meant, is never written. What works
and harms (no downloads at all, no verification, an address that is known to be no mirror, `direct` taken
from modules that need it) is written with `--force` only. What is merely worth knowing is said.

`direct` is judged by what go does, not by custom: modules that GONOPROXY (or GOPRIVATE, its default)
matches come from their origin whatever GOPROXY says, so only private modules that GONOPROXY does not cover
lose anything when `direct` goes. Source: cmd/go/internal/modfetch/proxy.go (proxyList).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.causes import config
from modgate.client.configure.go_rules import check_name, check_value
from modgate.client.findings import Impact
from modgate.client.machine.golayers import KNOWN
from modgate.client.machine.lint import lint_setting, mended_value
from modgate.client.machine.showing import safe
from modgate.errors import Invalid
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.private_names import looks_private
from modgate.gomod.proxylist import EntryKind, parse_proxy_list
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modgate.client.findings import Finding
    from modgate.client.machine.host import System

__all__ = ["Judgement", "Objection", "Surroundings", "judge"]

_FORCEABLE = frozenset(
    {
        config.PROXY_OFF,
        config.KNOWN_BOGUS,
        config.UNKNOWN_HOST_WORD,
        config.SUMDB_OFF,
        config.PASSWORD_OVER_HTTP,
        config.PRIVATE_PATTERN,
        config.MODULES_OFF,
        config.MOD_VENDOR,
        config.NEVER_REACHED,
    }
)
_SILENT = frozenset({config.COMMA_STOPS, config.UNTIDY_LIST})
_RESERVED = re.compile(r"[^/]*\.(?:test|invalid|example)(?::\d+)?\Z")
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Objection:
    """Something said about a wish.

    Attributes:
        why: In the person's words.
        variable: Which one it is about.
        mended: The value that was probably meant, empty where none is known.
        refuses: Nothing is written.
        forceable: `--force` writes it nevertheless.
        cause: The id of the kind of fault, empty where it is none of the catalogue.
    """

    why: Message
    variable: str
    mended: str = ""
    refuses: bool = True
    forceable: bool = False
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a judgement needs to know of the machine.

    Attributes:
        system: Whose rules hold for paths.
        home: The home folder.
        effective: Every variable with the value that wins now.
        required: Module paths that the go.mod here needs, those that are replaced left out.
        in_file: The GOENV file is to be written.
    """

    system: System
    home: str
    effective: Mapping[str, str]
    required: tuple[str, ...] = ()
    in_file: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was said of all wishes together; the refusals first."""

    objections: tuple[Objection, ...] = ()

    def refusals(self, *, force: bool) -> tuple[Objection, ...]:
        """What keeps the change from being made."""
        return tuple(item for item in self.objections if item.refuses and not (force and item.forceable))

    def warnings(self, *, force: bool) -> tuple[Objection, ...]:
        """What is said beside the change."""
        refused = self.refusals(force=force)
        return tuple(item for item in self.objections if item not in refused)


def judge(wishes: Mapping[str, str], unset: Iterable[str], here: Surroundings) -> Judgement:
    """What these values, and taking these variables away, would do."""
    found: list[Objection] = []
    # go takes a name that stands in its file for known, so that a slip can be taken out of it.
    gone = [name for name in unset if not (here.in_file and name in here.effective and name not in KNOWN)]
    for name in (*wishes, *gone):
        refused = check_name(name, in_file=here.in_file)
        if refused is not None:
            found.append(Objection(refused.why, name, refused.mended))
    named = {item.variable for item in found}
    for name, value in wishes.items():
        if name in named:
            continue
        refused = check_value(here.system, here.home, name, value)
        if refused is not None:
            found.append(Objection(refused.why, name, refused.mended))
            continue
        linted = lint_setting(name, value, Message("use.source"))
        found.extend(_objection(name, value, item) for item in linted if item.cause not in _SILENT)
    if "GOPROXY" in wishes and not any(item.variable == "GOPROXY" for item in found):
        found.extend(_without_direct(wishes, here))
    return Judgement(tuple(sorted(found, key=lambda item: not item.refuses)))


def _objection(name: str, value: str, finding: Finding) -> Objection:
    forceable = finding.cause in _FORCEABLE
    harmful = finding.impact >= Impact.DEGRADES
    return Objection(
        finding.message("text"),
        name,
        mended=_offered(name, value, finding),
        refuses=harmful or (forceable and finding.impact >= Impact.RISK),
        forceable=forceable,
        cause=finding.cause.id,
    )


def _offered(name: str, value: str, finding: Finding) -> str:
    if finding.cause is config.SUMDB_OFF:
        return ""
    if finding.cause is config.UNKNOWN_HOST_WORD:
        return value.replace(str(finding.values["value"]), str(finding.values["advice"]), 1)
    mended = mended_value(name, value)
    return mended if safe(mended) == mended else ""


def _without_direct(wishes: Mapping[str, str], here: Surroundings) -> list[Objection]:
    value = wishes["GOPROXY"]
    try:
        entries = parse_proxy_list(value)
    except Invalid:
        return []
    if entries[-1].kind is EntryKind.DIRECT or all(entry.url.startswith("file:") for entry in entries):
        return []
    settings = {**here.effective, **wishes}
    origin = wishes.get("GONOPROXY") or here.effective.get("GONOPROXY", "") or settings.get("GOPRIVATE", "")
    if "GOPRIVATE" in wishes and here.effective.get("GONOPROXY", "") == here.effective.get("GOPRIVATE", ""):
        origin = wishes.get("GONOPROXY") or wishes["GOPRIVATE"]
    losing = [path for path in here.required if _is_private(path, settings, origin)]
    mended = f"{value.rstrip(',| ')},direct"
    if entries[-1].kind is EntryKind.OFF:
        mended = re.sub(r"off\s*\Z", "direct", value)
    if losing:
        named = ", ".join(losing[:_MOST_NAMED]) + (" …" if len(losing) > _MOST_NAMED else "")
        why = Message("use.refused.direct", {"modules": safe(named), "value": safe(value)})
        return [Objection(why, "GOPROXY", mended if safe(mended) == mended else "", forceable=True)]
    declared = settings.get("GOPRIVATE", "")
    if declared and origin in {"", "none"}:
        why = Message("use.refused.direct-patterns", {"patterns": safe(declared), "value": safe(value)})
        return [Objection(why, "GOPROXY", mended if safe(mended) == mended else "", forceable=True)]
    if "direct" in here.effective.get("GOPROXY", ""):
        key = "use.warning.no-direct-private" if origin else "use.warning.no-direct"
        return [Objection(Message(key, {"patterns": safe(origin)}), "GOPROXY", refuses=False)]
    return []


def _is_private(path: str, settings: Mapping[str, str], origin: str) -> bool:
    """Declared private or plainly inside, and yet asked of the proxy."""
    if match_prefix_patterns(origin, path):
        return False
    declared = f"{settings.get('GOPRIVATE', '')},{settings.get('GONOSUMDB', '')}"
    if match_prefix_patterns(declared, path):
        return True
    return looks_private(path) or _RESERVED.match(path.partition("/")[0]) is not None
