"""An account of a service that sends e-mails. A module of its own: reading the settings must import nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class CrmAccount:
    """An account of a service, as the environment names it."""

    key: str = field(default="", repr=False)  # empty: none
    url: str = ""  # instead of the service's own address: a proxy, or a server on this machine
