"""The static layers: their tables, and reading features of them."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, inspect, text

from layers import places, versions
from layers.errors import (
    BadFeatureError,
    BadQueryError,
    BadValueError,
    NoSuchFeatureError,
    NoSuchLayerError,
)
from layers.places import shapes
from layers.places.tables import metadata
from scratch import rolled_back


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def village(feature_id: str, lon: float, lat: float, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": feature_id,
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
        "properties": properties,
    }


def settle(connection: Connection, *villages: dict[str, Any]) -> None:
    for one in villages:
        places.create(connection, "settlements", one, lowest_level="cell")


def test_the_tables_are_those_that_the_migrations_made(connection: Connection) -> None:
    there = inspect(connection)
    for table in metadata.tables.values():
        found = {c["name"]: c for c in there.get_columns(table.name, schema="patrolgrid")}
        assert set(found) == set(table.c.keys()), table.name
        for column in table.c:
            assert found[column.name]["nullable"] == column.nullable, (table.name, column.name)
            there_type = found[column.name]["type"].compile(connection.dialect)
            mirrored = column.type.compile(connection.dialect)
            assert there_type.lower() == mirrored.lower(), (table.name, column.name)


def test_the_registry_and_the_tables_have_the_same_columns() -> None:
    for layer in places.LAYERS.values():
        assert ["id", *layer.columns, "geom"] == layer.table.c.keys()


@pytest.mark.parametrize(
    ("alias", "name"),
    [("grid", "grids"), ("post_area", "post_areas"), ("border", "border"), ("roads", "roads")],
)
def test_a_layer_answers_to_its_singular(alias: str, name: str) -> None:
    assert places.canonical(alias) == name
    assert places.layer(alias).name == name


def test_a_layer_that_is_none_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(NoSuchLayerError, match="'units' is no layer: there are grids, settlements"):
        places.layer("units")


def test_every_layer_has_its_title_in_three_languages() -> None:
    assert all(set(one.titles) == {"en", "zh", "mn"} for one in places.LAYERS.values())


def test_features_come_in_pages_ordered_by_id(connection: Connection) -> None:
    settle(connection, village("b", 105, 40), village("a", 105, 40), village("c", 105, 40))
    first = places.features(connection, "settlement", limit=2)
    assert [one["id"] for one in first.features] == ["a", "b"]
    second = places.features(connection, "settlements", limit=2, after=first.next)
    assert [one["id"] for one in second.features] == ["c"]
    assert second.next is None


def test_a_bbox_finds_what_meets_it_and_may_cross_the_antimeridian(connection: Connection) -> None:
    settle(connection, village("a", 105, 40))
    settle(connection, village("fiji", 179, -17), village("samoa", -172, -13))

    def ids(*bbox: float) -> list[str]:
        return [one["id"] for one in places.features(connection, "settlements", bbox=bbox).features]

    assert ids(104, 39, 106, 41) == ["a"]
    assert ids(105, 40, 105, 40) == ["a"]
    assert ids(170, -20, -170, -10) == ["fiji", "samoa"]
    assert ids(0, 0, 1, 1) == []


@pytest.mark.parametrize(
    "bbox", [(0, 0, 1), (0, 1, 1, 0), (0, 0, math.nan, 1), (0, 0, 181, 1), (0, -91, 1, 1)]
)
def test_a_bbox_that_cannot_be_is_refused(connection: Connection, bbox: tuple[float, ...]) -> None:
    with pytest.raises(BadQueryError, match="bbox: give west,south,east,north"):
        places.features(connection, "settlements", bbox=bbox)


def test_a_limit_or_level_that_cannot_be_is_refused(connection: Connection) -> None:
    with pytest.raises(BadQueryError, match="limit is 0: give 1 to 10000"):
        places.features(connection, "settlements", limit=0)
    with pytest.raises(BadQueryError, match="settlements have no level"):
        places.features(connection, "settlements", level="cell")


@pytest.mark.parametrize("feature_id", ["nowhere", "\0", "a" * 500])
def test_a_feature_that_is_not_there_is_said_so(connection: Connection, feature_id: str) -> None:
    with pytest.raises(NoSuchFeatureError, match="settlements: there is no feature"):
        places.feature(connection, "settlements", feature_id)


def test_the_summary_counts_and_bounds_every_layer(connection: Connection) -> None:
    assert places.bounds(connection) is None
    assert places.extent(connection) is None
    settle(connection, village("a", 105, 40), village("b", 106, 41))
    found = places.summary(connection)
    assert list(found) == list(places.LAYERS)
    assert (found["settlements"].count, found["settlements"].bbox) == (2, (105, 40, 106, 41))
    assert (found["grids"].count, found["grids"].bbox) == (0, None)
    assert places.bounds(connection) == (105, 40, 106, 41)


def test_the_etag_follows_content_and_nothing_else(connection: Connection) -> None:
    settle(connection, village("a", 105, 40, name="Bulag"))
    one = places.feature(connection, "settlements", "a")
    assert places.etag(one) == places.etag(dict(reversed(one.items())))
    assert places.etag(one).startswith('"')
    assert places.etag(one).endswith('"')
    moved = {**one, "geometry": {"type": "Point", "coordinates": [105, 40.0000001]}}
    assert places.etag(moved) != places.etag(one)


def test_a_read_moves_no_version(connection: Connection) -> None:
    places.features(connection, "settlements")
    assert versions.read(connection, ["settlements"]).data_version == "settlements.0"


def test_coordinates_come_back_to_the_last_bit(connection: Connection) -> None:
    hard = [1e-7, 0.1 + 0.2, 105.12345678901235, 179.99999999999997, 1 / 3]
    settle(connection, *(village(f"{n}", lon, lon / 2) for n, lon in enumerate(hard)))
    page = places.features(connection, "settlements")
    assert [one["geometry"]["coordinates"] for one in page.features] == [
        [lon, lon / 2] for lon in hard
    ]
    # Written as they are, they are the same page.
    written = places.features(connection, "settlements", written=True)
    assert json.loads(msgspec.json.encode(written.features)) == page.features


@pytest.mark.parametrize(
    ("given", "stored"), [(7, "7"), (7.0, "7"), (7.5, "7.5"), (" 007 ", "007"), (True, "true")]
)
def test_a_value_of_any_type_becomes_the_text_that_one_would_write(
    given: object, stored: str
) -> None:
    assert places.Column(name="team").parse(given) == stored


@pytest.mark.parametrize("blank", [None, "", "  ", math.nan, pd.NA, pd.NaT])
def test_a_blank_of_any_kind_is_missing(blank: object) -> None:
    assert places.Column(name="team").parse(blank) is None
    with pytest.raises(BadValueError, match="rule is missing: give text"):
        places.Column(name="rule", needed=True).parse(blank)


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["type", "coordinates", "geometries", "Point", "features"]), inner
            )
        ),
    )
)
def test_any_json_as_a_geometry_is_read_or_refused_and_never_breaks(value: Any) -> None:
    for candidate in (value, {"type": "Polygon", "coordinates": value}):
        with contextlib.suppress(BadFeatureError):
            assert shapes.from_geojson(candidate).geom_type == candidate["type"]


def test_rows_say_nothing_of_their_tiles(connection: Connection) -> None:
    settle(connection, village("a", 105, 40))
    x = connection.execute(text("SELECT ST_X(mercator(geom)) FROM settlements")).scalar_one()
    # 105 degrees of longitude on the sphere of Web Mercator.
    assert x == pytest.approx(math.radians(105) * 6378137)
    assert set(places.feature(connection, "settlements", "a")["properties"]) == {
        "name", "name_zh", "name_mn", "name_en", "households"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "ours"), [("YES", "forward"), (-1, "backward"), ("False", "no"), (None, "no")]
)
def test_a_roads_direction_is_understood_as_others_write_it(said: object, ours: str) -> None:
    assert places.LAYERS["roads"].columns["oneway"].parse(said) == ours
