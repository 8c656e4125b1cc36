"""The `tillroll` command. A command parses its options, calls one stage and shows the result; it holds no SQL."""

from tillroll.cli.main import main

__all__ = ["main"]
