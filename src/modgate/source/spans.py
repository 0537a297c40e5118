"""What spans of the source stack say of a request and of how bytes were proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.model import Verification

if TYPE_CHECKING:
    from modgate.gomod.protocol import Request
    from modgate.telemetry.tracing import Value

__all__ = ["told_of", "told_of_proof"]


def told_of(request: Request) -> dict[str, Value | None]:
    """The module, the version and what is asked of them."""
    return {
        "module.name": request.path,
        "module.version": request.version or None,
        "modgate.kind": request.kind.value,
    }


def told_of_proof(verified: Verification) -> dict[str, Value | None]:
    """How bytes were proved; nothing where there was nothing to compare them with."""
    if verified is Verification.NONE:
        return {}
    return {"modgate.verified": verified.value, "checksum.valid": True}
