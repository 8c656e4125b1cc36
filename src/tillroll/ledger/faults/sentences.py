"""What people read of a fault: what failed, how often, and what happens next."""

from __future__ import annotations

from tillroll.campaign.states import FaultState, ItemKind, Stage
from tillroll.campaign.text.counts import count_of
from tillroll.ledger.records import ItemFault

_WORK = {
    Stage.FILES: "reading the campaign files",
    Stage.WEBHOOKS: "acting on webhooks",
    Stage.MIRROR: "reading the store",
    Stage.SLOTS: "making due runs",
    Stage.ENTER: "entering customers into the campaign",
    Stage.STEPS: "taking a step of a flow",
    Stage.POOLS: "filling pools",
    Stage.PLAN: "planning",
    Stage.APPROVE: "settling plans that wait",
    Stage.BEGIN: "beginning to make codes",
    Stage.MINT: "making codes",
    Stage.CHANGE: "changing codes",
    Stage.COMPARE: "comparing coupons",
    Stage.SEND: "sending",
    Stage.REMIND: "sending reminders",
    Stage.RESULTS: "ending runs",
    Stage.TIERS: "following loyalty tiers",
    Stage.CONSENT: "telling the store who unsubscribed",
    Stage.PRIVACY: "forgetting the recipients of old runs",
    Stage.AUDIT: "keeping the audit's head in the store",
    Stage.NOTICES: "telling people of the shop",
    Stage.CRM: "telling the CRM",
    Stage.CATALOGUE: "importing a catalogue",
}


def say_item(fault: ItemFault) -> str:
    """Return what failed: `Message 12 of run 3`. A code is named by its row, never by its text."""
    if fault.kind in {ItemKind.STORE, ItemKind.AREA}:
        return f"The store's {fault.item}" if fault.kind is ItemKind.AREA else "The store"
    of_run = f" of run {fault.run_id}" if fault.run_id is not None and fault.kind is not ItemKind.RUN else ""
    return f"{fault.kind.value.capitalize()} {fault.item}{of_run}"


def say_fault(fault: ItemFault) -> str:
    """Return the fault as sentences for people; the exception's class and place are for a developer."""
    where = f"{fault.error} at {fault.place}" if fault.place else fault.error
    times = "" if fault.count <= 1 else f" {count_of(fault.count, 'time')} in a row"
    return f"{say_item(fault)} failed{times} while {_WORK[fault.stage]} ({where}). {_say_next(fault)}"


def _say_next(fault: ItemFault) -> str:
    if fault.state is FaultState.SET_ASIDE:
        return "It is set aside and needs a developer; everything else goes on."
    return "It is tried again by itself; everything else goes on."
