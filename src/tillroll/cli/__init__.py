"""The `tillroll` command: parse, call one stage, show."""

from tillroll.cli.main import main

__all__ = ["main"]
