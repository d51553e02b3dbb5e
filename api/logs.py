"""Logs: one line a record on standard error."""

from __future__ import annotations

import logging

from api.settings import Settings


def configure_logging(settings: Settings) -> None:
    """Log as the settings say; never a query string, which may hold a credential."""
    logging.basicConfig(
        level=settings.log_level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for noisy in ("httpx", "httpcore", "alembic", "procrastinate", "numba"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
