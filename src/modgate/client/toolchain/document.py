"""What `modgate toolchain --json` prints: one document, schema 1, without credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.machine.showing import safe
from modgate.client.toolchain.downloads import FILES

if TYPE_CHECKING:
    from modgate.client.toolchain.binary import Binary, BuiltModule
    from modgate.client.toolchain.listing import ListedModule
    from modgate.client.toolchain.survey import Survey

__all__ = ["SCHEMA", "binary_document", "document", "totals"]

SCHEMA = 1


def document(survey: Survey) -> dict[str, object]:
    """The document about a folder."""
    selection, listing = survey.selection, survey.listing
    return {
        "schema": SCHEMA,
        "gomod": survey.gomod or None,
        "gowork": survey.gowork or None,
        "toolchain": {
            "installed": survey.env.get("GOVERSION") or None,
            "gotoolchain": survey.setting or None,
            "file": survey.lines.file or None,
            "go_line": survey.lines.go or None,
            "toolchain_line": survey.lines.toolchain or None,
            "selected": selection.name,
            "why": selection.why,
            "forbidden": selection.forbidden,
            "download": f"golang.org/toolchain@{selection.download}" if selection.download else None,
            "downloaded": not survey.toolchain_missing if selection.download else None,
        },
        "listing": {"source": listing.source, "error": listing.error or None},
        "totals": totals(survey),
        "modules": [_module(survey, one) for one in listing.modules],
        "env": {name: safe(value) for name, value in survey.env.items()},
    }


def totals(survey: Survey) -> dict[str, int | None]:
    """Counts over all modules; `bytes` of missing zips, None where sizes were not asked for."""
    modules = [one for one in survey.listing.modules if not one.main]
    counts: dict[str, int | None] = {
        "modules": len(modules),
        "direct": sum(not one.indirect for one in modules),
        "replaced": sum(bool(one.replaced_path) for one in modules),
    }
    for kind in FILES:
        counts[f"missing_{kind}"] = sum(kind in need.missing for need in survey.needs.values())
    counts["retracted"] = sum(bool(one.retracted) for one in modules)
    counts["deprecated"] = sum(bool(one.deprecated) for one in modules)
    counts["sized"] = len(survey.sizes)
    counts["bytes"] = sum(survey.sizes.values()) if survey.asked_sizes else None
    return counts


def binary_document(binary: Binary) -> dict[str, object]:
    """The document about a binary."""
    return {
        "schema": SCHEMA,
        "file": binary.file,
        "go": binary.go,
        "package": binary.package or None,
        "main": _built(binary.main) if binary.main else None,
        "modules": [_built(one) for one in binary.modules],
        "settings": {name: safe(value) for name, value in (binary.settings or {}).items()},
    }


def _module(survey: Survey, one: ListedModule) -> dict[str, object]:
    need = survey.needs.get(one.fetched)
    return {
        "path": one.path,
        "version": one.version or None,
        "main": one.main,
        "indirect": one.indirect,
        "replaced_by": f"{one.replaced_path} {one.replaced_version}".strip() or None,
        "go": one.go or None,
        "missing": list(need.missing) if need else [],
        "bytes": survey.sizes.get(one.fetched),
        "update": one.update or None,
        "retracted": [safe(reason) for reason in one.retracted],
        "deprecated": safe(one.deprecated) or None,
        "error": one.error or None,
    }


def _built(one: BuiltModule) -> dict[str, object]:
    return {
        "path": one.path,
        "version": one.version or None,
        "h1": one.h1 or None,
        "replaces": one.replaces or None,
    }
