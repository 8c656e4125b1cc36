"""`python -m tillroll.sandbox`: the stores alone, without the rest of the command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tillroll.clock import SystemClock
from tillroll.sandbox import INDEX_LAG, PlanFault, PortInUse, Ready, Sandbox, Switches, read_plan, run


def main() -> int:
    """Read the options, serve until told to stop."""
    given = _options()
    try:
        switches = Switches(plan=given.plan, requests_per_minute=given.requests_per_minute)
        switches = switches.lagging(*given.index_lag)
        faults = read_plan(given.faults) if given.faults else None
        run(
            lambda: Sandbox(
                port=given.port,
                directory=given.dir,
                customers=given.customers,
                seed=given.seed,
                switches=switches,
                clock=SystemClock(),
                stores=given.stores,
                speed=given.speed,
                faults=faults,
            ),
            announce=_announce,
        )
    except PortInUse as taken:
        sys.stderr.write(f"Port {taken.port} is in use.\n")
        return 1
    except (PlanFault, ValueError) as fault:
        sys.stderr.write(f"{fault}\n")
        return 2
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tillroll.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--dir", type=Path, default=Path("var/sandbox"))
    parser.add_argument("--stores", type=int, default=1, help="how many, from 1003 up")
    parser.add_argument("--customers", type=int, default=2_000, help="of each store")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plan", choices=["venture", "free"], default="venture")
    parser.add_argument("--requests-per-minute", type=int, default=600)
    lag = "seconds, at least and at most, until searches see a write; 0 0: at once"
    parser.add_argument("--index-lag", type=float, nargs=2, default=INDEX_LAG, help=lag)
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster the stores' clock runs")
    parser.add_argument("--faults", type=Path, help="a YAML file of faults")
    parser.add_argument(
        "--json", action="store_true", help="for symmetry with `tillroll sandbox`; the line is always JSON"
    )
    return parser.parse_args()


def _announce(ready: Ready) -> None:
    sys.stdout.write(ready.to_json() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
