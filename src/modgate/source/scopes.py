"""Where an object of a credential scope is kept: apart, so that a hit never crosses scopes.

What was fetched with one identity's credentials proves nothing about what another may see. The empty
scope is public and has the GOPROXY layout itself.
"""

from __future__ import annotations

import hashlib

__all__ = ["store_key"]


def store_key(scope: str, path: str) -> str:
    """The key under which a scope's object at `path` (`Request.url_path`, or a folder) is stored."""
    if not scope:
        return path
    return f"scope/{hashlib.sha256(scope.encode()).hexdigest()[:32]}/{path}"
