"""Layers to files, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from sqlalchemy import Connection, text

from layers import export, places
from layers.errors import BadFileError
from layers.load import load
from scratch import rolled_back

STORED = [name for name, layer in places.LAYERS.items() if not layer.read_only]
SUFFIXES = [".geojson", ".gpkg", ".fgb", ".parquet", ".csv"]
RING = [[105.1234567890123, 40.0], [105.3, 40.0], [105.3, 1 / 3 + 40], [105.1234567890123, 40.0]]
POLYGON = {"type": "Polygon", "coordinates": [RING]}
LINE = {"type": "LineString", "coordinates": [[105, 40], [105.5, 41.123456789]]}
POINT = {"type": "Point", "coordinates": [105.1 + 0.2, -40]}
ACTIVE = {"weekly": [{"days": ["mon"], "from": "22:00", "to": "06:00"}]}

FEATURES: list[tuple[str, str, Any, dict[str, Any]]] = [
    ("grids", "A", POLYGON, {"level": "banner", "name": "旗", "name_mn": "Хошуу"}),
    ("grids", "007", POLYGON, {"level": "cell", "parent": "A", "kind": "urban", "team": "T,1"}),
    ("settlements", "S1", POINT, {"households": 0, "name": 'A "quoted", name'}),
    ("settlements", "S2", POINT, {}),
    ("checkpoints", "C1", POINT, {"last_heartbeat": "2026-03-01T08:00:00.25+08:00"}),
    ("checkpoints", "C2", POINT, {"kind": "electronic"}),
    ("posts", "P1", POINT, {"team": "T1"}),
    ("post_areas", "PA1", POLYGON, {"post": "P1"}),
    ("cameras", "K1", POINT, {"site": "K", "bearing_deg": 359.5, "fov_deg": 60, "range_m": 1e3}),
    ("roads", "way/1", LINE, {"class": "track", "speed_kmh": 30.5, "bridge": True}),
    ("border", "B", LINE, {"chainage_start_km": 12.5}),
    ("fences", "F1", POLYGON, {"rule": "keep_out", "active": ACTIVE, "dwell_s": 60}),
    ("fences", "F2", LINE, {"rule": "line", "applies_to": {"kinds": ["drone"]},
                            "valid_from": "2026-01-01T00:00:00Z"}),
]  # fmt: skip


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        for layer, feature_id, geometry, own in FEATURES:
            feature = {"type": "Feature", "id": feature_id, "geometry": geometry, "properties": own}
            places.create(made, layer, feature, lowest_level="cell")
        yield made


def everything(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    return {name: places.features(connection, name).features for name in places.LAYERS}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_layer_comes_back_from_a_file_as_it_was(
    connection: Connection, tmp_path: Path, suffix: str
) -> None:
    before = everything(connection)
    for name, features in before.items():
        assert export.export(connection, name, tmp_path / f"{name}{suffix}") == len(features)
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}{suffix}" for n in places.LAYERS}
    for name in reversed(STORED):
        connection.execute(text(f"DELETE FROM {name}"))
    connection.execute(text("DELETE FROM fence_versions"))
    for name in STORED:
        report = load(connection, name, tmp_path / f"{name}{suffix}")
        assert (report.dropped_columns, report.repaired) == ([], [])
    assert everything(connection) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_exported_loads_over_itself_and_changes_nothing(
    connection: Connection, tmp_path: Path, suffix: str
) -> None:
    for name in STORED:
        path = tmp_path / f"{name}{suffix}"
        export.export(connection, name, path)
        report = load(connection, name, path)
        assert (report.inserted, report.updated, report.unchanged) == (0, 0, report.read)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_times_finer_than_a_millisecond_come_back_as_they_were(
    connection: Connection, tmp_path: Path, suffix: str
) -> None:
    connection.execute(
        text(
            "UPDATE checkpoints SET last_heartbeat = '2026-03-01T00:00:00.250001Z' WHERE id = 'C1'"
        )
    )
    connection.execute(
        text("UPDATE fences SET valid_from = '2026-01-01T00:00:00.000001Z' WHERE id = 'F2'")
    )
    for name in ("checkpoints", "fences"):
        path = tmp_path / f"{name}{suffix}"
        export.export(connection, name, path)
        report = load(connection, name, path)
        assert (report.inserted, report.updated, report.unchanged) == (0, 0, report.read)


@pytest.mark.parametrize(("suffix", "kind"), [(".gpkg", "datetime64[ms, UTC]"), (".fgb", "str")])
def test_times_are_times_in_a_geopackage_unless_they_are_too_fine(
    tmp_path: Path, suffix: str, kind: str
) -> None:
    fine = "0001" if kind == "str" else ""
    frame = gpd.GeoDataFrame(
        {"at": pd.to_datetime([f"2026-03-01T00:00:00.250{fine}Z", None], utc=True)},
        geometry=[shapely.Point(1, 2)] * 2, crs=4326,
    )  # fmt: skip
    export.write(frame, tmp_path / f"x{suffix}")
    read = gpd.read_file(tmp_path / f"x{suffix}")["at"]
    assert str(read.dtype) == kind
    assert pd.isna(read[1])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_empty_layer_is_a_file_without_features(
    connection: Connection, tmp_path: Path, suffix: str
) -> None:
    connection.execute(text("DELETE FROM roads"))
    path = tmp_path / f"roads{suffix}"
    assert export.export(connection, "roads", path) == 0
    with pytest.raises(BadFileError, match=r"it has no (features|rows)"):
        load(connection, "roads", path)


def test_a_file_that_is_there_is_replaced_and_no_draft_is_left(
    connection: Connection, tmp_path: Path
) -> None:
    for suffix in SUFFIXES:
        path = tmp_path / f"posts{suffix}"
        path.write_text("old")
        export.export(connection, "post", path)
        assert load(connection, "posts", path).unchanged == 1
    assert len(list(tmp_path.iterdir())) == len(SUFFIXES)


def test_exported_geojson_is_what_the_api_gives(connection: Connection, tmp_path: Path) -> None:
    export.export(connection, "roads", tmp_path / "roads.geojson")
    content = json.loads((tmp_path / "roads.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    assert content["features"] == [places.feature(connection, "roads", "way/1")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_frame_can_be_written(tmp_path: Path, suffix: str) -> None:
    frame = gpd.GeoDataFrame(
        {"minutes": [1, 3], "note": ["a", None]}, geometry=[shapely.Point(1, 2)] * 2, crs=4326
    )
    export.write(frame, tmp_path / f"bands{suffix}")
    assert (tmp_path / f"bands{suffix}").stat().st_size > 0
    assert list(frame.columns) == ["minutes", "note", "geometry"]


def test_a_place_or_suffix_that_cannot_be_is_refused(
    connection: Connection, tmp_path: Path
) -> None:
    for name, words in [
        ("roads.dwg", "files that end in '.dwg' are not written"),
        ("nowhere/roads.gpkg", "its folder does not exist"),
    ]:
        with pytest.raises(BadFileError, match=words):
            export.export(connection, "roads", tmp_path / name)
    (tmp_path / "roads.csv").mkdir()
    with pytest.raises(BadFileError, match="it is a folder"):
        export.export(connection, "roads", tmp_path / "roads.csv")
    with pytest.raises(BadFileError, match="it is a folder: name a file"):
        export.export(connection, "roads", tmp_path)
    with pytest.raises(BadFileError, match=r"^\.: it is a folder: name a file"):
        export.export(connection, "roads", ".")
