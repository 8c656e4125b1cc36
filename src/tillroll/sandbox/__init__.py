"""The sandbox: Ecwid stores that run on your machine, over HTTP, with the real one's limits and refusals.

It imports nothing of Tillroll but the clock, so its behaviour does not depend on what the client
assumes. What the documentation leaves open is a named switch (`state/switches.py`); faults on purpose are a
plan (`state/faults.py`); `http/server.py` answers the API, `http/admin.py` the sandbox's own addresses.
"""

from tillroll.sandbox.replay.serve import Replay
from tillroll.sandbox.replay.talk import NoRecord, read_talk
from tillroll.sandbox.serve import PortInUse, Ready, Sandbox, run
from tillroll.sandbox.state.faults import PlanFault, read_plan
from tillroll.sandbox.state.switches import INDEX_LAG, Switches

__all__ = [
    "INDEX_LAG",
    "NoRecord",
    "PlanFault",
    "PortInUse",
    "Ready",
    "Replay",
    "Sandbox",
    "Switches",
    "read_plan",
    "read_talk",
    "run",
]
