"""The table of docs/configuration.md, as the model says it.

`python -m tests.docs.tables` writes it into the page.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from modgate.cli.config import shown
from modgate.config import FLAGS, Config, all_keys

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "configuration.md"
BEGIN = "<!-- keys: written by python -m tests.docs.tables -->"
END = "<!-- end of keys -->"
_TOLD = {"store": "see below", "upstream": "`go env GOPROXY`", "sumdb": "`go env GOSUMDB`"}
_TOLD |= {"private": "`go env GOPRIVATE`", "no_proxy": "`private`", "no_sumdb": "`private`"}


def configuration() -> str:
    """The keys by table of the file, each with its default and its sentence."""
    flags = {key: flag for flag, key in FLAGS.items()}
    lines: list[str] = []
    section = None
    for name, key in all_keys().items():
        table, _, leaf = name.rpartition(".")
        if table != section:
            section = table
            lines += _heading(table)
        flag = f" `{flags[name]}`" if name in flags else ""
        sentence = key.description.partition(" Default: ")[0]
        lines.append(f"| `{leaf}`{flag} | {_default(table, leaf, name)} | {sentence} |")
    return "\n".join(lines)


def _heading(table: str) -> list[str]:
    head = ["| key | default | what it does |", "|---|---|---|"]
    if not table:
        return ["### Without a table", "", *head]
    kind = Config.model_fields[table].annotation
    assert isinstance(kind, type)
    return ["", f"### [{table}]", "", str(kind.__doc__), "", *head]


def _default(table: str, leaf: str, name: str) -> str:
    if name in _TOLD:
        return _TOLD[name]
    model: type[BaseModel] = Config
    if table:
        kind = Config.model_fields[table].annotation
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        model = kind
    text = shown(model.model_fields[leaf].default)
    return f"`{text}`" if text else "none"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{configuration()}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
