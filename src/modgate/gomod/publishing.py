"""Which versions may be published, and what the go.mod of one must say.

A published version is for ever, so it has to be one that the go command will always ask for by this very
name: canonical, tagged (release or pre-release), with the major version that its path names. A
pseudo-version names a commit, and there is none; `+incompatible` marks the tags of repositories from before
modules, which nobody publishes anew. Sources: golang.org/x/mod/module.Check; cmd/go/internal/modfetch,
coderepo.go (findDir, legacyGoMod); cmd/go/internal/modload, rawGoModSummary.
"""

from __future__ import annotations

from typing import cast

from modgate.errors import Invalid
from modgate.gomod import modfile, module, pseudo, semver
from modgate.gomod.texts import shown
from modgate.gomod.types import ModuleVersion, Version
from modgate.gomod.zipcheck import canonical_go_mod

__all__ = ["go_mod_of", "publishable"]


def publishable(path: str, version: str) -> ModuleVersion:
    """The version as one that may be published. Raises Invalid (malformed) with the reason."""
    try:
        module_path = module.check_path(path)
        _check_version(path, version)
        module.check(path, version)
    except Invalid as error:
        error.malformed = True
        raise
    return ModuleVersion(module_path, cast("Version", version))


def _check_version(path: str, version: str) -> None:
    if version.endswith("+incompatible"):
        raise Invalid(
            f"{version} cannot be published: +incompatible marks tags from before modules",
            where=path,
            next_step="Give the module path its major version (example.com/m/v2) and publish v2.x.y.",
        )
    canonical = module.canonical_version(version)
    if not canonical or canonical != version:
        near = semver.canonical(version) or semver.canonical(f"v{version}")
        meant = f"; {near} would be" if near else ""
        raise Invalid(
            f"{shown(version)} is no full version such as v1.2.3 or v1.2.3-rc.1{meant}",
            where=path,
        )
    if pseudo.is_pseudo_version(version):
        raise Invalid(
            f"{version} is a pseudo-version: it names a commit of a repository, and none is published",
            where=path,
            next_step="Publish a tagged version, such as v0.1.0 or v0.1.0-rc.1.",
        )


def go_mod_of(version: ModuleVersion, found: bytes | None) -> bytes:
    """The `.mod` of a version whose zip has this go.mod, or none: then Go's line `module PATH`.

    Raises Invalid (malformed) for a go.mod that a go command would refuse in a dependency, or that is
    another module's; and for a path with a major version suffix (`/v2`) without one.
    """
    major = module.split_path_version(version.path)[1]
    if found is None:
        if major.startswith("/"):
            raise Invalid(
                f"the path ends in {major}, so there must be a go.mod that says so",
                where=str(version),
                malformed=True,
            )
        return canonical_go_mod(version)
    try:
        said = modfile.parse_lax(found).module
    except Invalid as error:
        error.malformed = True
        raise
    if said is None:
        raise Invalid("the go.mod has no module line", where=str(version), malformed=True)
    if said.path != version.path:
        raise Invalid(
            f"the go.mod is that of {shown(said.path)}, not of {shown(version.path)}",
            where=str(version),
            next_step="Publish under the path that go.mod names, or change its module line.",
            malformed=True,
        )
    return found
