"""Comparing text without regard to case, in the one way that SQLite and PostgreSQL share."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class folded(GenericFunction[str]):
    """Trimmed text with A to Z in lower case; other letters stay as they are. `campaign/segments/lists.py` does the same."""

    type = sa.Text()
    inherit_cache = True
    name = "folded"


@compiles(folded, "sqlite")
def _on_sqlite(element: folded, compiler: SQLCompiler, **given: Any) -> str:
    return f"lower(trim({compiler.process(element.clauses, **given)}))"


@compiles(folded, "postgresql")
def _on_postgresql(element: folded, compiler: SQLCompiler, **given: Any) -> str:
    return f'lower(trim({compiler.process(element.clauses, **given)}) collate "C")'
