"""The index of a layer's geometry: there before and after every load, however that ends."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from sqlalchemy import Engine, text

from layers import places
from layers.db.engine import SYSTEM, acting
from layers.errors import BadFeatureError
from layers.load import load
from layers.places import indexing

ROWS = indexing.MANY + 500
INDEX = "SELECT to_regclass('grids_geom_idx')"


def cells(first: int = 0, **columns: object) -> gpd.GeoDataFrame:
    """A strip of squares side by side."""
    number = first + np.arange(ROWS)
    west = 100 + number * 0.001
    return gpd.GeoDataFrame(
        {"id": [f"c{n:04d}" for n in number], "level": "cell", **columns},
        geometry=shapely.box(west, 40, west + 0.001, 40.001),
        crs=4326,
    )


def index_of(engine: Engine) -> object:
    """The index's number in the catalogue: another one when it was made again."""
    with engine.connect() as connection:
        return connection.execute(text(f"{INDEX}::oid")).scalar_one()


def put(engine: Engine, frame: gpd.GeoDataFrame) -> None:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        places.put_frame(connection, "grids", frame)


def found_by_index(engine: Engine) -> list[str]:
    """What lies in a box, looked up by nothing but the index."""
    query = "SELECT id FROM grids WHERE geom && ST_MakeEnvelope(100.0105, 40, 100.0125, 41, 4326)"
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.execute(text(f"EXPLAIN {query}")).scalars().all()
        assert any("grids_geom_idx" in line for line in plan)
        return sorted(connection.execute(text(query)).scalars())


def test_a_large_first_load_makes_the_index_after_its_rows(engine: Engine) -> None:
    before = index_of(engine)
    put(engine, cells())
    assert index_of(engine) not in {None, before}
    assert found_by_index(engine) == ["c0010", "c0011", "c0012"]


def test_a_load_beside_stored_rows_lets_the_index_grow(engine: Engine) -> None:
    put(engine, cells())
    before = index_of(engine)
    put(engine, cells(ROWS))
    assert index_of(engine) == before
    assert found_by_index(engine) == ["c0010", "c0011", "c0012"]


def test_a_refused_load_leaves_the_index_that_was_there(engine: Engine) -> None:
    before = index_of(engine)
    with pytest.raises(BadFeatureError, match=r"'c0000': its parent 'gone' does not exist"):
        put(engine, cells(parent="gone"))
    assert index_of(engine) == before


def test_a_dry_run_bars_nobody(engine: Engine, tmp_path: Path) -> None:
    cells().to_file(tmp_path / "cells.fgb")
    seen = []

    def look(step: str, done: int, _: int) -> None:
        if step == "writing" and done:
            with engine.begin() as other:
                other.execute(text("SET LOCAL lock_timeout = '1s'"))
                seen.append(other.execute(text("SELECT count(*) FROM grids")).scalar_one())

    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        path = tmp_path / "cells.fgb"
        assert load(connection, "grids", path, dry_run=True, progress=look).inserted == ROWS
    assert seen
    assert set(seen) == {0}


def test_a_load_does_not_wait_for_who_reads_the_layer(engine: Engine) -> None:
    before = index_of(engine)
    with engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM grids"))
        put(engine, cells())
    assert index_of(engine) == before
    assert found_by_index(engine) == ["c0010", "c0011", "c0012"]


def test_children_may_come_with_their_parent_in_one_load(engine: Engine) -> None:
    below = cells(parent="top")
    top = gpd.GeoDataFrame(
        {"id": ["top"], "level": ["sumu"], "parent": [None]},
        geometry=[shapely.box(100, 40, 100 + ROWS * 0.001, 40.001)],
        crs=4326,
    )
    frame = gpd.GeoDataFrame(
        {name: [*below[name], *top[name]] for name in ("id", "level", "parent")},
        geometry=[*below.geometry, *top.geometry],
        crs=4326,
    )
    before = index_of(engine)
    put(engine, frame)
    assert index_of(engine) not in {None, before}


def test_a_layer_that_this_transaction_emptied_is_loaded_as_any(engine: Engine) -> None:
    put(engine, cells())
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        connection.execute(text("DELETE FROM grids"))
        places.put_frame(connection, "grids", cells(parent=None))
    assert found_by_index(engine) == ["c0010", "c0011", "c0012"]


def test_nobody_but_who_writes_takes_an_index_away(engine: Engine) -> None:
    with (
        acting(engine, SYSTEM, "patrolgrid_read") as connection,
        pytest.raises(Exception, match="permission denied for function put_index_off"),
    ):
        connection.execute(text("SELECT put_index_off('grids')"))


def test_no_other_table_s_index_is_taken_away(engine: Engine) -> None:
    with acting(engine, SYSTEM, "patrolgrid_write") as connection:
        for layer in ("webhooks", "nothing", 'grids"; DROP TABLE grids; --'):
            with pytest.raises(Exception, match="does not exist"), connection.begin_nested():
                connection.execute(text("SELECT put_index_off(:layer)"), {"layer": layer})
