"""Faults on purpose: a plan of faults, drawn with a seed so that a run can be repeated.

Each kind is switched on with its own settings. Every kind that strikes a share of something has `share`, `times`
(how often at most; 0: no end), and for requests `on` (all, reads or writes) and `path` (what the path begins with).

storm               429 with `retry_after` seconds
errors              5xx (`status`) before any work
slow                the answer comes `seconds` late, after the work; these are the client's seconds
lost_answers        the work is done, then the connection closes without a word
resets              the connection is torn down before any work
token_revoked       every token is refused `after` so many requests; ends with the plan, unlike an uninstall
plan_downgraded     402 as on the free plan, `after` so many requests
webhooks_repeated   delivered twice
webhooks_reordered  held back up to `seconds`, so that later ones overtake it
webhooks_delayed    delivered `seconds` late
webhooks_dropped    never delivered
shifting_pages      a row is inserted, updated or deleted (`changes`) after a page of a list was answered
stalled_batches     a batch does nothing for `seconds`, and those behind it wait
coupon_meddling     somebody edits or deletes (`changes`) a coupon in the store's admin, by request
clock_skew          the store's dates and the Date header are `seconds` off; set it at the start, or they jump
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tillroll.sandbox.state.database import seeded

_CHANCE: dict[str, Any] = {"share": 1.0, "times": 0}
_REQUESTS: dict[str, Any] = {**_CHANCE, "on": "all", "path": ""}

KINDS: dict[str, dict[str, Any]] = {
    "storm": {**_REQUESTS, "retry_after": 5},
    "errors": {**_REQUESTS, "status": 500},
    "slow": {**_REQUESTS, "seconds": 3.0},
    "lost_answers": {**_REQUESTS, "on": "writes"},
    "resets": _REQUESTS,
    "token_revoked": {"after": 0},
    "plan_downgraded": {"after": 0},
    "webhooks_repeated": _CHANCE,
    "webhooks_reordered": {**_CHANCE, "seconds": 5.0},
    "webhooks_delayed": {**_CHANCE, "seconds": 60.0},
    "webhooks_dropped": _CHANCE,
    "shifting_pages": {**_REQUESTS, "changes": ["insert", "update", "delete"]},
    "stalled_batches": {**_CHANCE, "seconds": 60.0},
    "coupon_meddling": {**_REQUESTS, "changes": ["edit", "delete"]},
    "clock_skew": {"seconds": 0.0},
}
"""Every kind with its default settings."""


class PlanFault(ValueError):
    """A plan of faults is invalid; the text is one clear sentence."""


def read_plan(file: Path) -> dict[str, Any]:
    """Read a plan from a YAML file, unchecked."""
    try:
        plan = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as fault:
        raise PlanFault(f"The fault plan {file} can't be read: {' '.join(str(fault).split())}") from fault
    return check(plan if plan is not None else {})


def check(plan: Any) -> dict[str, Any]:
    """Return the plan if every name is known and every value has its type. Raises `PlanFault`."""
    if not isinstance(plan, dict):
        raise PlanFault("A fault plan is a mapping of kinds of faults to their settings.")
    for kind, settings in plan.items():
        if kind == "seed":
            if type(settings) is not int:
                raise PlanFault(f"The seed of a fault plan is a whole number, not {settings!r}.")
        elif kind not in KINDS:
            raise PlanFault(f"There is no kind of fault {kind!r}; there are {', '.join(KINDS)}.")
        elif isinstance(settings, dict):
            for name, value in settings.items():
                _check_setting(kind, name, value)
        elif settings is not None and not isinstance(settings, bool):
            raise PlanFault(f"The fault {kind} has settings by name, or true, or false; not {settings!r}.")
    return plan


def _check_setting(kind: str, name: str, value: Any) -> None:
    if name not in KINDS[kind]:
        raise PlanFault(f"The fault {kind} has no setting {name!r}; it has {', '.join(KINDS[kind])}.")
    usual = KINDS[kind][name]
    if name == "share":
        sound, wanted = _is_number(value) and 0 <= value <= 1, "a number from 0 to 1"
    elif name == "on":
        sound, wanted = value in ("all", "reads", "writes"), "all, reads or writes"
    elif name == "status":
        sound, wanted = type(value) is int and 500 <= value <= 599, "a whole number from 500 to 599"
    elif isinstance(usual, list):
        sound = isinstance(value, list) and bool(value) and all(choice in usual for choice in value)
        wanted = f"a list of some of {', '.join(usual)}"
    elif isinstance(usual, int):
        sound, wanted = type(value) is int and value >= 0, "a whole number from 0 up"
    elif isinstance(usual, float):
        skew = kind == "clock_skew"
        sound = _is_number(value) and (skew or value >= 0)
        wanted = "a number of seconds" if skew else "a number of seconds from 0 up"
    else:
        sound, wanted = isinstance(value, str), "a text"
    if not sound:
        raise PlanFault(f"The fault {kind} wants {wanted} as its {name}, not {value!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


class Faults:
    """The faults of one store: which are on, which strike now, and how often each has struck."""

    def __init__(self, plan: Mapping[str, Any] | None = None) -> None:
        self._lock = threading.Lock()
        self._seed = 1
        self._on: dict[str, dict[str, Any]] = {}
        self._chance: dict[str, random.Random] = {}
        self._struck: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self.lay(plan or {})

    def lay(self, plan: Any) -> None:
        """Switch kinds on, or off with null or false; others stay as they are. Raises `PlanFault`."""
        check(plan)
        with self._lock:
            self._seed = plan.get("seed", self._seed)
            on = dict(self._on)
            for kind in plan.keys() - {"seed"}:
                self._struck[kind] = self._seen[kind] = 0
                self._chance[kind] = seeded(self._seed, f"faults/{kind}")
                if plan[kind] in (None, False):
                    on.pop(kind, None)
                else:
                    on[kind] = {**KINDS[kind], **(plan[kind] if isinstance(plan[kind], dict) else {})}
            self._on = on

    def clear(self) -> None:
        """Switch all off; the counts stay."""
        with self._lock:
            self._on = {}

    def show(self) -> dict[str, Any]:
        """Return the plan that is on, and how often each kind has struck."""
        return {"seed": self._seed, "on": self._on, "fired": dict(self.fired)}

    @property
    def any(self) -> bool:
        """Return whether any fault is on."""
        return bool(self._on)

    @property
    def skew(self) -> float:
        """Return by how many seconds the store's dates are off."""
        return float(self._on["clock_skew"]["seconds"]) if "clock_skew" in self._on else 0.0

    def strike(self, kind: str, method: str = "", path: str = "") -> dict[str, Any] | None:
        """Return the kind's settings if it strikes this time, and count it."""
        settings = self._on.get(kind)
        if settings is None or not _meant(settings, method, path):
            return None
        with self._lock:
            if settings["times"] and self._struck[kind] >= settings["times"]:
                return None
            if self._chance[kind].random() >= settings["share"]:
                return None
            self._struck[kind] += 1
            self.fired[kind] += 1
            return settings

    def draw(self, kind: str) -> random.Random:
        """Return a further random number for a fault that struck: which row, which change."""
        return self._chance[kind]

    def came(self, kind: str) -> None:
        """Count a request, for faults that begin after so many."""
        if kind in self._on:
            self._seen[kind] += 1

    def due(self, kind: str) -> bool:
        """Return whether a fault that begins after so many requests has begun, and count what it refuses."""
        settings = self._on.get(kind)
        if settings is None or self._seen[kind] < settings["after"]:
            return False
        self.fired[kind] += 1
        return True


def _meant(settings: Mapping[str, Any], method: str, path: str) -> bool:
    on = settings.get("on", "all")
    if on != "all" and (on == "reads") != (method in ("GET", "HEAD")):
        return False
    return path.startswith(settings.get("path", ""))
