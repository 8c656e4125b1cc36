"""The sandbox: an Ecwid store that runs on your machine, over HTTP, with the real one's limits and refusals.

It stands apart: it imports nothing of Tillroll but the clock, so what it promises is never what the client
assumes. What the documentation leaves open is a named switch (`switches.py`).
"""

from tillroll.sandbox.serve import PortInUse, Ready, run
from tillroll.sandbox.switches import Switches

__all__ = ["PortInUse", "Ready", "Switches", "run"]
