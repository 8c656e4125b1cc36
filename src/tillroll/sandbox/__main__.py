"""`python -m tillroll.sandbox`: the store alone, without the rest of the command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tillroll.clock import SystemClock
from tillroll.sandbox import PortInUse, Ready, Switches, run


def main() -> int:
    """Read the options, serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m tillroll.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--dir", type=Path, default=Path("var/sandbox"))
    parser.add_argument("--customers", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plan", choices=["venture", "free"], default="venture")
    parser.add_argument("--requests-per-minute", type=int, default=600)
    parser.add_argument("--index-lag", type=float, default=0.0, help="seconds until searches see a write")
    parser.add_argument(
        "--json", action="store_true", help="for symmetry with `tillroll sandbox`; the line is always JSON"
    )
    given = parser.parse_args()
    switches = Switches(
        plan=given.plan, requests_per_minute=given.requests_per_minute, index_lag=given.index_lag
    )
    try:
        run(
            port=given.port,
            directory=given.dir,
            customers=given.customers,
            seed=given.seed,
            switches=switches,
            announce=_announce,
            clock=SystemClock(),
        )
    except PortInUse as taken:
        sys.stderr.write(f"Port {taken.port} is in use.\n")
        return 1
    return 0


def _announce(ready: Ready) -> None:
    sys.stdout.write(ready.to_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
