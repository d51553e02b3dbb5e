"""Units, fences and fixes in words, on a fresh database."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, text

from layers import breaches
from layers.breaches.query import Breach
from layers.db.engine import SYSTEM, acting
from layers.fixes import intake
from layers.fixes.intake import Receipt
from layers.region import Region
from layers.units import enrolment

REGION = Path(__file__).parents[2] / "fixtures" / "region.toml"
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def region() -> Region:
    """The demo's region file."""
    return Region.read(REGION)


@dataclass(frozen=True, kw_only=True)
class Post:
    """A small command post: what tests say to the store, in few words."""

    engine: Engine
    region: Region

    def enrol(self, unit: str, kind: str = "vehicle", **more: Any) -> None:
        """Enrol a unit."""
        with acting(self.engine, SYSTEM, "patrolgrid_write") as connection:
            asked = enrolment.Enrolment(unit=unit, kind=kind, **more)
            enrolment.enrol(connection, [asked], self.region)

    def fence(self, fence: str, wkt: str, rule: str = "keep_out", **more: Any) -> None:
        """Put a fence."""
        applies_to = more.pop("applies_to", None)
        columns = {
            "id": fence,
            "rule": rule,
            "applies_to": applies_to and json.dumps(applies_to),
            **more,
        }
        with acting(self.engine, SYSTEM, "patrolgrid_write") as connection:
            connection.execute(
                text(
                    f"INSERT INTO fences ({', '.join(columns)}, geom) VALUES"
                    f" ({', '.join(':' + name for name in columns)}, ST_GeomFromText(:wkt, 4326))"
                ),
                {**columns, "wkt": wkt},
            )

    def send(self, fixes: pd.DataFrame, **more: Any) -> Receipt:
        """Send fixes through the door, at once."""
        now = more.pop("now", NOON + timedelta(days=1))
        return intake.store_batch(self.engine, SYSTEM, fixes, self.region, now=now, **more)

    def told(self, *states: str) -> list[Breach]:
        """The breaches in some states (open and closed ones)."""
        with acting(self.engine, SYSTEM, "patrolgrid_read") as connection:
            return breaches.listed(connection, states=states or ("open", "closed"))

    def scalar(self, statement: str) -> Any:
        """One value of the database."""
        with self.engine.connect() as connection:
            return connection.execute(text(statement)).scalar_one()


@pytest.fixture
def post(engine: Engine, region: Region) -> Post:
    """A small command post on a fresh database."""
    return Post(engine=engine, region=region)


@pytest.fixture
def fixes() -> Callable[..., pd.DataFrame]:
    """Fixes of a unit: (minute, lon, lat[, accuracy_m]) after noon."""

    def make(unit: str, *rows: tuple[float, ...]) -> pd.DataFrame:
        return intake.frame(
            [
                {
                    "unit": unit,
                    "time": NOON + timedelta(minutes=row[0]),
                    "lon": row[1],
                    "lat": row[2],
                    "accuracy_m": row[3] if len(row) > 3 else None,
                }
                for row in rows
            ]
        )

    return make
