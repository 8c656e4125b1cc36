"""The log of the pages' server: the same lines as ours, without codes, addresses and tokens."""

from __future__ import annotations

from gunicorn.config import Config
from gunicorn.glogging import Logger

from tillroll.wiring import LineFormatter


class PagesLog(Logger):
    """Gunicorn's log. It has handlers of its own, which do not take the format of the root log."""

    def setup(self, cfg: Config) -> None:
        """Format the lines of both of its logs."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                handler.setFormatter(LineFormatter(self.error_fmt, self.datefmt))
