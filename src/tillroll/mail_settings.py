"""How e-mails leave: one way for the installation, and others for the stores that are to have their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr

from tillroll.campaign.language.models import Via

ADDRESS, SENDER, HOOK_KEY = "MAIL_URL", "TILLROLL_MAIL_FROM", "MAIL_HOOK_KEY"
"""The variables. With `_` and the number of a store at their end they count for that store alone."""

OLD_ADDRESS = "SMTP_URL"  # the older name
ADDRESSES = (ADDRESS, OLD_ADDRESS)
"""Each may hold the address that e-mails leave by."""

_OF_ONE_STORE = re.compile(rf"(?:{ADDRESS}|{SENDER}|{HOOK_KEY})_(.*)", re.DOTALL)
_STORE = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, kw_only=True)
class MailAccount:
    """A way for e-mails to leave, and who they are from."""

    via: Via | None  # what the address begins with; None: there is no way, and nothing leaves
    url: str = field(default="", repr=False)
    sender: str = ""  # like "Shop <hello@shop.example>"; empty: the store's own name and address
    hook_key: str = field(default="", repr=False)  # what the mail service signs its webhooks with
    variable: str = ""  # the variable that names the address of one store; empty: it is the installation's

    @property
    def name(self) -> str:
        """What its transport is called: it is stored with each message, and shown."""
        via = self.via.value if self.via is not None else "none"
        return f"{via} ({self.variable})" if self.variable else via


def read_account(names: Mapping[str, str], faults: list[str], *, otherwise: Via | None) -> MailAccount:
    """Return the installation's account. `otherwise`: the transport if no address is set. What is wrong goes to the faults."""
    given = [names[name] for name in ADDRESSES if names.get(name)]
    if len(set(given)) > 1:
        faults.append(
            f"{' and '.join(ADDRESSES)} are set to different addresses; only one of them may be set"
        )
    return MailAccount(
        via=_via(given[0], ADDRESS, faults) if given else otherwise,
        url=given[0] if given else "",
        sender=_sender(names.get(SENDER, ""), SENDER, faults),
        hook_key=names.get(HOOK_KEY, "").strip(),
    )


def read_accounts_of_stores(
    names: Mapping[str, str], usual: MailAccount, faults: list[str]
) -> dict[int, MailAccount]:
    """Return the accounts of stores that have their own, by the store's number. What a store doesn't set is as usual."""
    return {number: _read_own(names, number, usual, faults) for number in sorted(set(_stores(names, faults)))}


def _stores(names: Mapping[str, str], faults: list[str]) -> Iterator[int]:
    for name in sorted(names):
        found = _OF_ONE_STORE.fullmatch(name)
        if name.startswith(f"{OLD_ADDRESS}_") and names[name].strip():
            faults.append(f"{name} isn't read: call it {ADDRESS}{name.removeprefix(OLD_ADDRESS)}")
        if found is None or not names[name].strip():
            continue
        if _STORE.fullmatch(found[1]):
            yield int(found[1])
        else:
            faults.append(
                f"{name} is for no store: what follows the _ is a store's number, like {ADDRESS}_1003"
            )


def _read_own(names: Mapping[str, str], number: int, usual: MailAccount, faults: list[str]) -> MailAccount:
    address, sender = f"{ADDRESS}_{number}", f"{SENDER}_{number}"
    url, key = names.get(address, ""), names.get(f"{HOOK_KEY}_{number}", "").strip()
    return MailAccount(
        via=_via(url, address, faults) if url else usual.via,
        url=url or usual.url,
        sender=_sender(names.get(sender, ""), sender, faults) or usual.sender,
        hook_key=key if url else key or usual.hook_key,  # the key of another account checks nothing
        variable=address if url else "",
    )


def _via(url: str, name: str, faults: list[str]) -> Via:
    """Return what an address begins with, without what follows a plus sign."""
    word = url.partition(":")[0].partition("+")[0].lower()
    try:
        return Via("smtp" if word == "smtps" else word)
    except ValueError:
        faults.append(
            f"{name} names no way to send e-mails; it begins with one of {', '.join(Via)}, and a colon"
        )
        return Via.OUTBOX


def _sender(raw: str, name: str, faults: list[str]) -> str:
    sender = raw.strip()
    before, _, host = parseaddr(sender)[1].rpartition("@")
    if sender and not (before and host and sender.isprintable()):
        faults.append(f"{name} is {sender!r}; write it like Shop <hello@shop.example>")
    return sender
