"""Which licences a text grants: by sentences that only they have.

A licence file often holds several texts, a changed copyright line, or a list of components, so it is looked
for
what each licence says and no other (the Mozilla licence names those of GNU, so their dates count); a line
`SPDX-License-Identifier:` says it outright. This is evidence for a
rule, not advice of a lawyer: a text that nothing recognises is `LicenseRef-unknown`, never nothing.
Ids are those of the SPDX list.
"""

from __future__ import annotations

import re

__all__ = ["UNKNOWN", "is_licence_file", "recognise"]

UNKNOWN = "LicenseRef-unknown"
"""A licence file is there, and what it says is not recognised."""

_NAME = re.compile(r"(?i)(?:.*[-_.])?(?:licen[cs]es?|copying|unlicen[cs]e|notice)(?:[-_.][\w.-]*)?")
_NOT = re.compile(r"(?i).*\.(?:go|py|js|json|ya?ml|toml|sh|html|png|svg|tmpl|tpl)")
_SPDX = re.compile(r"SPDX-License-Identifier:\s*([\w.+() -]{1,200})")
_ID = re.compile(r"[A-Za-z][\w.+-]*")
_WORDS = re.compile(r"[^a-z0-9.]+")
_OPERATORS = frozenset({"AND", "OR", "WITH"})

_MIT = "permission is hereby granted free of charge to any person obtaining a copy"
_ISC = (
    "permission to use copy modify and or distribute this software for any purpose with or without fee is "
    "hereby granted"
)
_BSD = "redistributions in binary form must reproduce the above copyright notice"
_NAMES = ("neither the name of", "names of its contributors", "name of the author may not be used")

_PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Apache-2.0", ("apache license version 2.0",)),
    ("AGPL-3.0", ("gnu affero general public license version 3 19 november 2007",)),
    ("LGPL-2.1", ("gnu lesser general public license version 2.1 february 1999",)),
    ("LGPL-3.0", ("gnu lesser general public license version 3 29 june 2007",)),
    ("GPL-2.0", ("gnu general public license version 2 june 1991",)),
    ("GPL-3.0", ("gnu general public license version 3 29 june 2007",)),
    ("MPL-1.1", ("mozilla public license version 1.1",)),
    ("MPL-2.0", ("mozilla public license version 2.0", "mozilla public license v. 2.0")),
    ("EPL-1.0", ("eclipse public license v 1.0", "eclipse public license version 1.0")),
    ("EPL-2.0", ("eclipse public license v 2.0", "eclipse public license version 2.0")),
    ("CDDL-1.0", ("common development and distribution license cddl version 1.0",)),
    ("CC0-1.0", ("cc0 1.0 universal",)),
    ("CC-BY-SA-4.0", ("attribution sharealike 4.0 international",)),
    ("CC-BY-4.0", ("attribution 4.0 international",)),
    ("BSL-1.0", ("boost software license version 1.0",)),
    ("BUSL-1.1", ("business source license 1.1",)),
    ("SSPL-1.0", ("server side public license version 1",)),
    ("Elastic-2.0", ("elastic license 2.0",)),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    ("WTFPL", ("do what the fuck you want to public license",)),
    ("Zlib", ("the origin of this software must not be misrepresented",)),
    ("OFL-1.1", ("sil open font license version 1.1",)),
    ("Artistic-2.0", ("the artistic license 2.0",)),
    ("EUPL-1.2", ("european union public licence v. 1.2",)),
    ("UPL-1.0", ("the universal permissive license upl version 1.0",)),
    ("PostgreSQL", ("postgresql license",)),
    ("NCSA", ("university of illinois ncsa open source license",)),
    ("OpenSSL", ("this product includes software developed by the openssl project",)),
)


def is_licence_file(name: str) -> bool:
    """Whether a file at the root of a module says what its licence is, by its name."""
    return _NAME.fullmatch(name) is not None and _NOT.fullmatch(name) is None


def recognise(text: str) -> frozenset[str]:
    """The SPDX ids of the licences that a text holds; empty for none that is recognised."""
    stated = {
        word for found in _SPDX.findall(text) for word in _ID.findall(found) if word.upper() not in _OPERATORS
    }
    if stated:
        return frozenset(stated)
    plain = _WORDS.sub(" ", text.lower().replace("http:", "").replace("https:", ""))
    plain = plain.replace(" the gnu", " gnu")
    found = {identifier for identifier, phrases in _PHRASES if any(each in plain for each in phrases)}
    if _MIT in plain:
        found.add("MIT")
    if _ISC in plain or _ISC.replace("and or", "and") in plain:
        found.add("ISC" if "copyright notice and this permission notice appear" in plain else "0BSD")
    if _BSD in plain:
        found.add("BSD-3-Clause" if any(each in plain for each in _NAMES) else "BSD-2-Clause")
    return frozenset(found)
