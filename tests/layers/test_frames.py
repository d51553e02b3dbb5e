"""Rows of the static layers as frames."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Connection

from layers import frames, places
from layers.errors import BadQueryError
from scratch import rolled_back


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def put(connection: Connection, layer: str, feature_id: str, geometry: Any, **own: Any) -> None:
    feature = {"type": "Feature", "id": feature_id, "geometry": geometry, "properties": own}
    places.create(connection, layer, feature, lowest_level="cell")


def point(lon: float, lat: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [lon, lat]}


def square(lon: float) -> dict[str, Any]:
    ring = [[lon, 40], [lon + 1, 40], [lon + 1, 41], [lon, 41], [lon, 40]]
    return {"type": "Polygon", "coordinates": [ring]}


@pytest.mark.parametrize("layer", places.LAYERS)
def test_an_empty_layer_is_an_empty_frame_with_its_columns(
    connection: Connection, layer: str
) -> None:
    found = frames.places(connection, layer)
    assert found.empty
    assert list(found.columns) == [*places.layer(layer).columns, "geometry"]
    assert (found.index.name, found.crs.to_epsg()) == ("id", 4326)


def test_a_frame_is_indexed_by_id_and_typed(connection: Connection) -> None:
    put(connection, "settlements", "b", point(105, 40), name_mn="Баян", households=12)
    put(connection, "settlements", "a", point(106, 41))
    put(connection, "checkpoints", "c", point(105, 40), last_heartbeat="2026-03-01T08:00:00+08:00")
    found = frames.places(connection, "settlement")
    assert found.index.to_list() == ["a", "b"]
    assert found["households"].to_list() == [pd.NA, 12]
    assert found["name_mn"].to_list()[1] == "Баян"
    assert pd.isna(found["name"]).all()
    assert found.geometry.x.to_list() == [106, 105]
    beat = frames.places(connection, "checkpoints")["last_heartbeat"]
    assert beat.to_list() == [pd.Timestamp("2026-03-01T00:00:00Z")]
    assert beat.dt.tz is UTC or str(beat.dt.tz) == "UTC"


def test_grids_are_chosen_by_level_and_box(connection: Connection) -> None:
    put(connection, "grids", "a", square(105), level="banner")
    put(connection, "grids", "b", square(105))
    put(connection, "grids", "c", square(110))
    assert frames.places(connection, "grids", level="cell").index.to_list() == ["b", "c"]
    near = frames.places(connection, "grids", level="cell", bbox=(105.2, 40.2, 105.3, 40.3))
    assert near.index.to_list() == ["b"]
    with pytest.raises(BadQueryError):
        frames.places(connection, "roads", level="cell")


def test_the_versions_of_a_fence_are_what_breaches_are_judged_by(connection: Connection) -> None:
    weekly = {"weekly": [{"days": ["mon"], "from": "22:00", "to": "06:00"}]}
    put(connection, "fences", "F", square(105), rule="keep_out", name="Relics", active=weekly)
    feature = places.feature(connection, "fences", "F")
    feature["properties"]["margin_m"] = 30
    places.replace(connection, "fences", "F", feature, lowest_level="cell")
    put(connection, "fences", "E", square(106), rule="presence", valid_from="2026-01-01T00:00:00Z")
    found = frames.fence_versions(connection)
    assert list(found.columns) == [
        "fence", "version", "valid_from", "valid_to", "number", "name", "rule", "direction",
        "margin_m", "dwell_s", "active", "applies_to", "severity", "geometry",
    ]  # fmt: skip
    assert found[["fence", "version"]].to_numpy().tolist() == [["E", 1], ["F", 1], ["F", 2]]
    assert found["active"].to_list() == [None, weekly, weekly]
    assert found["valid_from"].isna().to_list() == [False, True, False]
    assert found["valid_to"].isna().to_list() == [True, False, True]
    assert found["valid_from"][0] == datetime(2026, 1, 1, tzinfo=UTC)
    assert found["valid_to"][1] == found["valid_from"][2]


def test_no_fences_are_an_empty_frame(connection: Connection) -> None:
    found = frames.fence_versions(connection)
    assert found.empty
    assert found["version"].dtype == "int64"
    assert str(found["valid_to"].dtype) == "datetime64[us, UTC]"
