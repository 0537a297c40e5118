"""A 200 with the wrong thing in it."""

from __future__ import annotations

from modgate.client.findings import Cause, Phase, Severity

PORTAL = Cause("MG-CNT-001", Phase.CONTENT, 18, Severity.ERROR, ("host",))
"""HTML where JSON belongs: a captive portal or a login page."""
NOT_A_ZIP = Cause("MG-CNT-002", Phase.CONTENT, 17, Severity.ERROR, ("host", "url"))
"""The zip is not a zip."""
HTML_MOD = Cause("MG-CNT-003", Phase.CONTENT, 18, Severity.WARNING, ("host", "url"))
"""HTML where a go.mod belongs; go accepts it silently."""
MOVED = Cause("MG-CNT-004", Phase.CONTENT, None, Severity.ERROR, ("module", "declared"))
"""The module declares another path: it moved."""
WRONG_PREFIX = Cause("MG-CNT-005", Phase.CONTENT, 17, Severity.ERROR, ("module", "text"))
"""The zip holds files of another module or version."""
WRONG_VERSION = Cause("MG-CNT-006", Phase.CONTENT, None, Severity.ERROR, ("module", "text"))
"""The answer is for another version."""
RETRACTED = Cause("MG-CNT-007", Phase.OK, None, Severity.NOTE, ("module", "reason"))
"""The version was retracted by its author."""
DEPRECATED = Cause("MG-CNT-008", Phase.OK, None, Severity.NOTE, ("module", "reason"))
"""The module is deprecated."""
BAD_JSON = Cause("MG-CNT-009", Phase.CONTENT, 18, Severity.ERROR, ("host", "text"))
"""The .info is no JSON."""
BAD_GO_MOD = Cause("MG-CNT-010", Phase.CONTENT, None, Severity.ERROR, ("module", "text"))
"""The go.mod cannot be parsed."""
BAD_LIST = Cause("MG-CNT-011", Phase.CONTENT, 18, Severity.ERROR, ("host", "text"))
"""The list of versions holds no versions."""
BAD_ZIP = Cause("MG-CNT-012", Phase.CONTENT, None, Severity.ERROR, ("module", "text"))
"""A zip that breaks go's rules for modules: names that collide, paths that lead out, files too large."""
