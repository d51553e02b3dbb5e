"""Grids that almost fit: narrow slips are mended and told, and what was mended stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from sqlalchemy import Connection, text

from layers import export, frames
from layers.errors import BadFileError
from layers.load import RefusedRowsError, Report, load
from scratch import rolled_back

HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"
LEVELS = ("banner", "sumu", "cell")
FORMATS = (".geojson", ".gpkg", ".fgb", ".parquet", ".csv")
#: 0.0001° of longitude are 8.5 m at 40° N, 0.0001° of latitude 11.1 m.
STEP = 0.0001


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def put(connection: Connection, path: Path, **more: Any) -> Report:
    return load(connection, "grids", path, levels=LEVELS, **more)


def grids(folder: Path, *rows: tuple[str, str, str | None, shapely.Geometry]) -> Path:
    ids, levels, parents, shapes = zip(*rows, strict=True)
    path = folder / "grids.parquet"
    frame = gpd.GeoDataFrame(
        {"id": ids, "level": levels, "parent": parents}, geometry=list(shapes), crs=4326
    )
    frame.to_parquet(path)
    return path


def test_a_child_that_lies_a_few_metres_outside_its_parent_is_cut_and_told(
    connection: Connection,
) -> None:
    report = put(connection, HAZARDS / "beyond_parent.geojson")
    (told,) = report.repaired
    assert told.startswith("feature 2 (id 'S'): lies up to 8.5 m outside its parent 'B' at 105.100")
    assert told.endswith(": cut off")
    stored = frames.places(connection, "grids").geometry
    assert stored["S"].bounds == (105.0, 40.0, 105.1, 40.1)
    assert put(connection, HAZARDS / "beyond_parent.geojson").unchanged == 2


def test_strict_refuses_to_cut_a_child_and_a_stored_parent_cuts_it_too(
    connection: Connection, tmp_path: Path
) -> None:
    with pytest.raises(BadFileError, match=r"--strict: feature 2 \(id 'S'\): lies up to 8.5 m out"):
        put(connection, HAZARDS / "beyond_parent.geojson", strict=True)
    outer = shapely.box(105, 40, 105.1, 40.1)
    put(connection, grids(tmp_path, ("B", "banner", None, outer)))
    child = shapely.box(105.05, 40, 105.1 + STEP, 40.1)
    assert len(put(connection, grids(tmp_path, ("S", "sumu", "B", child))).repaired) == 1
    assert frames.places(connection, "grids").geometry["S"].bounds[2] == 105.1


def test_a_child_of_a_child_is_cut_to_what_is_left_of_its_parent(
    connection: Connection, tmp_path: Path
) -> None:
    path = grids(
        tmp_path,
        ("C", "cell", "S", shapely.box(105.05, 40, 105.1 + STEP, 40.05)),
        ("S", "sumu", "B", shapely.box(105, 40, 105.1 + STEP, 40.1)),
        ("B", "banner", None, shapely.box(105, 40, 105.1, 40.1)),
    )
    assert [one.split(":")[0] for one in put(connection, path).repaired] == [
        "row 1 (id 'C')", "row 2 (id 'S')"
    ]  # fmt: skip
    assert frames.places(connection, "grids").geometry["C"].bounds[2] == 105.1


@pytest.mark.parametrize("beyond_deg", [0.002, 0.05])
def test_a_child_that_lies_far_outside_its_parent_is_refused(
    connection: Connection, tmp_path: Path, beyond_deg: float
) -> None:
    # 0.1° are 8.5 by 11.1 km: narrow is up to 97 m, and 0.002° are 170 m.
    path = grids(
        tmp_path,
        ("B", "banner", None, shapely.box(105, 40, 105.1, 40.1)),
        ("S", "sumu", "B", shapely.box(105, 40, 105.1 + beyond_deg, 40.1)),
    )
    with pytest.raises(BadFileError, match=r"of it lie outside its parent 'B'"):
        put(connection, path)


def test_a_child_wholly_beside_its_parent_is_refused(
    connection: Connection, tmp_path: Path
) -> None:
    path = grids(
        tmp_path,
        ("B", "banner", None, shapely.box(105, 40, 105.1, 40.1)),
        ("S", "sumu", "B", shapely.box(105.1, 40, 105.1 + STEP, 40.1)),
    )
    with pytest.raises(BadFileError, match=r"of it lie outside its parent 'B'"):
        put(connection, path)


def messy(folder: Path) -> Path:
    """Sixteen cells in a banner, each drawn anew: edges cross at odd angles, some metres apart."""
    random = np.random.default_rng(11)
    rows: list[tuple[str, str, str | None, shapely.Geometry]] = [
        ("B", "banner", None, shapely.Polygon([(105, 40), (105.4, 40.003), (105.397, 40.4),
                                               (105.001, 40.402)]))
    ]  # fmt: skip
    for n in range(16):
        west, south = 105 + n % 4 * 0.1, 40 + n // 4 * 0.1
        cell = shapely.box(west, south, west + 0.1, south + 0.1).segmentize(0.03)
        ring = shapely.get_coordinates(cell)[:-1]
        shape = shapely.Polygon(ring + random.normal(0, 0.00012, ring.shape))
        inside = shape.intersection(rows[0][3].buffer(0.0002))
        rows.append((f"c{n}", "cell", "B", inside))
    return grids(folder, *rows)


def test_what_was_mended_is_exported_and_loaded_again_without_a_change(
    connection: Connection, tmp_path: Path
) -> None:
    first = put(connection, messy(tmp_path))
    assert first.inserted == 17
    assert len(first.repaired) > 8
    stored = frames.places(connection, "grids")
    for suffix in FORMATS:
        out = tmp_path / f"out{suffix}"
        export.export(connection, "grids", out)
        again = put(connection, out)
        assert (again.inserted, again.updated, again.unchanged) == (0, 0, 17), suffix
        assert again.repaired == [], suffix
    for suffix in FORMATS:
        with connection.begin_nested() as savepoint:
            connection.execute(text("DELETE FROM grids"))
            fresh = put(connection, tmp_path / f"out{suffix}")
            assert (fresh.inserted, fresh.repaired) == (17, []), suffix
            there = frames.places(connection, "grids")
            assert there.drop(columns="geometry").equals(stored.drop(columns="geometry")), suffix
            assert shapely.equals_exact(there.geometry, stored.geometry, 0).all(), suffix
            savepoint.rollback()


def test_fences_whose_rule_wants_another_shape_are_left_out_each_for_its_own_reason(
    connection: Connection, tmp_path: Path
) -> None:
    rows = ["id;rule;wkt", "A;keep_out;POLYGON ((1 1, 2 1, 2 2, 1 1))"]
    rows += [f"{name};keep_in;LINESTRING (1 1, 2 {n})" for n, name in enumerate("BC")]
    path = tmp_path / "fences.csv"
    path.write_text("\n".join(rows) + "\n")
    with pytest.raises(RefusedRowsError, match=r"fences 'B': .*\(1 more like it\)"):
        load(connection, "fences", path)
    report = load(connection, "fences", path, skip_bad=True)
    assert report.inserted == 1
    assert [said.split(":")[0] for said in report.refused] == ["row 2 (id 'B')", "row 3 (id 'C')"]
