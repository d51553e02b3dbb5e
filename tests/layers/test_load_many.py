"""Loads of many rows: what they save, they save without saving a judgement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from geo import earth
from geo.rings import Rings
from layers import places
from layers.errors import BadFeatureError
from layers.load import load
from scratch import rolled_back

ROWS = 2_500
BOW = "MULTIPOLYGON (((105 40, 105.1 40.1, 105.1 40, 105 40.1, 105 40)))"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def cells(**columns: object) -> gpd.GeoDataFrame:
    """A strip of squares side by side, more than a thread's worth."""
    west = 100 + np.arange(ROWS) * 0.001
    return gpd.GeoDataFrame(
        {"id": [f"c{n:04d}" for n in range(ROWS)], "level": "cell", **columns},
        geometry=shapely.box(west, 40, west + 0.001, 40.001),
        crs=4326,
    )


def test_many_new_grids_that_overlap_are_refused_with_the_one_at_fault(
    connection: Connection,
) -> None:
    frame = cells()
    west = shapely.bounds(frame.geometry[7])[0]
    frame.loc[7, "geometry"] = shapely.box(west - 0.0005, 40, west + 0.0015, 40.001)
    with pytest.raises(BadFeatureError, match=r"grids 'c0007': .* lie on 'c0006'") as refusal:
        places.put_frame(connection, "grids", frame)
    assert refusal.value.features == ("c0007",)
    assert places.summary(connection)["grids"].count == 0


def test_many_new_grids_are_held_against_the_parent_that_is_there(connection: Connection) -> None:
    top = gpd.GeoDataFrame(
        {"id": ["top"], "level": ["sumu"]}, geometry=[shapely.box(100, 40, 102.4, 41)], crs=4326
    )
    places.put_frame(connection, "grids", top)
    with pytest.raises(BadFeatureError, match=r"'c2400': .* lie outside its parent 'top'") as no:
        places.put_frame(connection, "grids", cells(parent="top"))
    assert no.value.features == tuple(f"c{n}" for n in range(2400, ROWS))


def test_many_new_grids_are_held_against_siblings_that_are_there(connection: Connection) -> None:
    old = gpd.GeoDataFrame(
        {"id": ["z"], "level": ["cell"]}, geometry=[shapely.box(100, 40, 100.0005, 41)], crs=4326
    )
    places.put_frame(connection, "grids", old)
    with pytest.raises(BadFeatureError, match=r"'c0000': .* lie on 'z'"):
        places.put_frame(connection, "grids", cells())


def test_many_new_grids_without_their_parent_are_refused(connection: Connection) -> None:
    with pytest.raises(BadFeatureError, match=r"'c0000': its parent 'gone' does not exist"):
        places.put_frame(connection, "grids", cells(parent="gone"))


def test_after_a_load_the_limits_and_judgements_of_the_transaction_are_as_before(
    connection: Connection,
) -> None:
    connection.execute(text("SET LOCAL statement_timeout = '7s'"))
    places.put_frame(connection, "grids", cells())
    assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "7s"
    bow = text(f"UPDATE grids SET geom = ST_GeomFromText('{BOW}', 4326) WHERE id = 'c0000'")
    with pytest.raises(IntegrityError, match="grids_geom_check"), connection.begin_nested():
        connection.execute(bow)


@pytest.mark.parametrize("judged", [None, "off", ""])
def test_whoever_has_not_judged_a_shape_cannot_store_an_invalid_one(
    connection: Connection, judged: str | None
) -> None:
    if judged is not None:
        connection.execute(
            text("SELECT set_config('patrolgrid.judged', :judged, true)"), {"judged": judged}
        )
    insert = "INSERT INTO {} VALUES ('bow', {} ST_GeomFromText('" + BOW + "', 4326))"
    tables = {
        "grids (id, level, area_m2, geom)": "'cell', 1,",
        "post_areas (id, geom)": "",
        "fences (id, rule, geom)": "'keep_in',",
    }
    for table, values in tables.items():
        with pytest.raises(IntegrityError, match="geom_check"), connection.begin_nested():
            connection.execute(text(insert.format(table, values)))


def test_rings_and_areas_of_many_are_those_of_each() -> None:
    rng = np.random.default_rng(5)
    hole = shapely.Polygon([(0, 0), (9, 0), (9, 60), (0, 60)], [[(1, 1), (1, 2), (2, 2), (2, 1)]])
    kinds = [
        hole, None, shapely.MultiPolygon([hole, shapely.box(20, -3, 20.01, -2.99)]),
        shapely.Polygon(), shapely.force_3d(shapely.box(-5, -80, -4, -79), 7),
    ]  # fmt: skip
    shapes = np.array([kinds[n] for n in rng.integers(0, len(kinds), ROWS)], dtype=object)
    each = [float(earth.area_m2(shape)[0]) for shape in shapes]
    assert earth.area_m2(shapes) == pytest.approx(each, rel=1e-9)
    rings = Rings.of(shapes)
    given, of = shapely.get_rings(shapely.get_parts(shapes), return_index=True)
    assert np.array_equal(rings.xy, shapely.get_coordinates(given))
    assert rings.hole.tolist() == [False if n == 0 else of[n] == of[n - 1] for n in range(len(of))]
    assert np.array_equal(rings.owner, shapely.get_parts(shapes, return_index=True)[1][of])


def test_many_rows_of_a_file_are_stored_as_few_are(connection: Connection, tmp_path: Path) -> None:
    frame = cells(name="хоёр 二", team=[None if n % 3 else "t" for n in range(ROWS)])
    # Some of which have holes, or several parts, run clockwise, or are not valid.
    shapes = frame.geometry.to_numpy().copy()
    for n in range(0, ROWS, 50):
        shapes[n] = shapes[n].difference(shapes[n].centroid.buffer(0.0002))
        shapes[n + 1] = shapely.reverse(shapes[n + 1])
        west, south, _, north = shapes[n + 2].bounds
        halves = [(west, 0.0004), (west + 0.0006, 0.0004)]
        shapes[n + 2] = shapely.MultiPolygon(
            [shapely.box(x, south, x + wide, north) for x, wide in halves]
        )
    frame = frame.set_geometry(gpd.GeoSeries(shapes, crs=4326))
    frame.to_file(tmp_path / "many.fgb")
    assert load(connection, "grids", tmp_path / "many.fgb").inserted == ROWS
    query = text("SELECT id, name, team, area_m2, ST_AsEWKB(geom) FROM grids ORDER BY id")
    at_once = connection.execute(query).all()
    connection.execute(text("DELETE FROM grids"))
    for start in range(0, ROWS, 1_000):
        frame[start : start + 1_000].to_file(tmp_path / "few.gpkg")
        load(connection, "grids", tmp_path / "few.gpkg")
    by_parts = connection.execute(query).all()
    assert [row[:3] for row in at_once] == [row[:3] for row in by_parts]
    assert [bytes(row[4]) for row in at_once] == [bytes(row[4]) for row in by_parts]
    assert [row[3] for row in at_once] == pytest.approx([row[3] for row in by_parts], rel=1e-9)
    assert load(connection, "grids", tmp_path / "many.fgb").unchanged == ROWS


def test_one_invalid_row_among_many_is_mended_and_told(
    connection: Connection, tmp_path: Path
) -> None:
    frame = cells()
    west, south, east, north = frame.geometry[9].bounds
    bow = [(west, south), (east, north), (east, south), (west, north)]
    frame.loc[9, "geometry"] = shapely.Polygon(bow)
    frame.to_file(tmp_path / "many.fgb")
    report = load(connection, "grids", tmp_path / "many.fgb")
    assert report.inserted == ROWS
    assert len(report.repaired) == 1
    assert "c0009" in report.repaired[0]
