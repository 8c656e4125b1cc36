"""The sandbox: Ecwid stores that run on your machine, over HTTP, with the real one's limits and refusals.

It stands apart: it imports nothing of Tillroll but the clock, so what it promises is never what the client
assumes. What the documentation leaves open is a named switch (`switches.py`); what goes wrong on purpose is a
plan of faults (`faults.py`); the door and its admin are `server.py` and `admin.py`.
"""

from tillroll.sandbox.memory.faults import PlanFault, read_plan
from tillroll.sandbox.memory.switches import Switches
from tillroll.sandbox.serve import PortInUse, Ready, Sandbox, run

__all__ = ["PlanFault", "PortInUse", "Ready", "Sandbox", "Switches", "read_plan", "run"]
