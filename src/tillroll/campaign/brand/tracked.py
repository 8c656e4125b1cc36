"""Links that say which campaign they come from, by the parameters that web statistics read (`utm_…`). Pure.

They name the campaign alone, never its reader or their code. No address of an Ecwid store applies a coupon (dossier section 1.8),
so a link doesn't carry the code.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote, urlsplit, urlunsplit

_SOURCE = "utm_source=tillroll&utm_medium=email&utm_campaign="


@lru_cache(maxsize=1_024)
def tracked(address: str, campaign: str) -> str:
    """Return a web address with the campaign's parameters; unchanged if it has such already, or is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    if parts.scheme not in ("http", "https") or not campaign or "utm_" in parts.query:
        return address
    query = f"{parts.query}&" if parts.query else ""
    return urlunsplit(parts._replace(query=f"{query}{_SOURCE}{quote(campaign, safe='')}"))
