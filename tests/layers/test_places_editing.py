"""Creating, replacing and deleting features, and putting many at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import pytest
import shapely
from sqlalchemy import Connection, text

from layers import places, versions
from layers.errors import (
    BadFeatureError,
    FeatureExistsError,
    InUseError,
    NoSuchFeatureError,
)
from scratch import rolled_back

LEVELS = ("banner", "sumu", "cell")
FENCE = {
    "rule": "keep_out",
    "active": {"weekly": [{"days": ["Mon", "fri"], "from": "22:00", "to": "06:00"}]},
    "applies_to": {"kinds": ["vehicle"]},
}


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def square(lon: float = 105.0, size: float = 0.1) -> dict[str, Any]:
    ring = [[lon, 40], [lon + size, 40], [lon + size, 40 + size], [lon, 40 + size], [lon, 40]]
    return {"type": "Polygon", "coordinates": [ring]}


def feature(feature_id: str | None, geometry: Any, **properties: Any) -> dict[str, Any]:
    found = {"type": "Feature", "geometry": geometry, "properties": properties}
    return found if feature_id is None else {**found, "id": feature_id}


def create(connection: Connection, layer: str, given: dict[str, Any]) -> dict[str, Any]:
    return places.create(connection, layer, given, lowest_level="cell", levels=LEVELS)


def replace(
    connection: Connection, layer: str, feature_id: str, given: dict[str, Any]
) -> dict[str, Any]:
    return places.replace(connection, layer, feature_id, given, lowest_level="cell", levels=LEVELS)


def version(connection: Connection, *layers: str) -> str:
    return versions.read(connection, layers).data_version


def test_a_created_grid_gets_the_lowest_level_its_area_and_is_given_back(
    connection: Connection,
) -> None:
    made = create(connection, "grids", feature("A", square(), name="North"))
    properties = made["properties"]
    assert made["id"] == "A"
    assert made["geometry"]["type"] == "MultiPolygon"
    assert (properties["level"], properties["kind"]) == ("cell", "rural")
    assert properties["area_m2"] == pytest.approx(8525 * 11104, rel=2e-3)
    assert made == places.feature(connection, "grid", "A")
    assert version(connection, "grids") == "grids.1"


def test_a_feature_without_id_is_given_one(connection: Connection) -> None:
    made = create(connection, "posts", feature(None, {"type": "Point", "coordinates": [105, 40]}))
    assert made["id"].startswith("post-")


def test_a_feature_that_is_there_is_not_created_again(connection: Connection) -> None:
    create(connection, "grids", feature("A", square()))
    with pytest.raises(FeatureExistsError, match="a feature 'A' already"):
        create(connection, "grids", feature("A", square(106)))
    assert version(connection, "grids") == "grids.1"


def test_what_get_gave_may_be_put_back_and_changes_nothing(connection: Connection) -> None:
    made = create(connection, "grids", feature("A", square(), team="T1"))
    assert replace(connection, "grids", "A", made) == made
    assert version(connection, "grids") == "grids.1"


def test_put_ignores_read_only_members_and_empties_what_is_left_out(
    connection: Connection,
) -> None:
    made = create(connection, "grids", feature("A", square(), team="T1", name="North"))
    changed = feature("A", square(size=0.2), name="South", area_m2=1)
    stored = replace(connection, "grids", "A", changed)
    assert stored["properties"]["area_m2"] > 3.9 * made["properties"]["area_m2"]
    assert (stored["properties"]["name"], stored["properties"]["team"]) == ("South", None)
    assert places.etag(stored) != places.etag(made)
    assert version(connection, "grids") == "grids.1"  # all in one transaction


def test_put_of_what_is_not_there_is_refused(connection: Connection) -> None:
    with pytest.raises(NoSuchFeatureError):
        replace(connection, "grids", "A", feature("A", square()))


def test_put_under_another_id_is_refused(connection: Connection) -> None:
    create(connection, "grids", feature("A", square()))
    with pytest.raises(BadFeatureError, match="the feature has another id"):
        replace(connection, "grids", "A", feature("B", square()))


WORLD = {
    "type": "Polygon",
    "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]],
}


@pytest.mark.parametrize(
    ("layer", "given", "words"),
    [
        ("grids", {"type": "FeatureCollection"}, "this is no GeoJSON feature"),
        ("grids", feature("A", None), "the geometry is missing"),
        ("grids", feature("A", {"type": "Point", "coordinates": [1, 2]}), "is a Point"),
        ("grids", feature("A", {"type": "Polygon", "coordinates": []}), "has no geometry"),
        ("grids", feature("A", square(400)), "lies off the earth"),
        ("grids", feature("A", square(), residents=5), "grids have no property 'residents'"),
        ("grids", feature("A", square(), level="province"), "the region has banner, sumu, cell"),
        ("grids", feature("A", square(), parent="nowhere"), "'nowhere' does not exist"),
        ("grids", feature("A", square(), parent="A"), "it is its own parent"),
        ("grids", feature("A", WORLD), "it covers 100% of the earth, a tenth at most"),
        ("grids", feature("..", square()), "the id '..' has no address"),
        ("grids", feature("A", square(), name=["x"]), "name is ['x']: give text"),
        ("grids", feature("A", square(), name="a\nb"), "give text of one line"),
        ("grids", {**feature("A", square()), "properties": []}, "properties is no JSON object"),
        ("grids", feature("", square()), "the id has no or more than 200 letters"),
        ("grids", {**feature("A", square()), "id": {}}, "the id is {}: give a text"),
        ("fences", feature("F", square()), "rule is missing: give one of keep_out"),
        ("fences", feature("F", square(), rule="line"), "rule 'line' on a Polygon"),
        ("fences", feature("F", square(), rule="keep_out", active=5), "active is no JSON object"),
        ("fences", feature("F", square(), rule="keep_out", dwell_s=True), "dwell_s is True"),
        ("fences", feature("F", square(), rule="keep_out", valid_from="2026-03-01"), "its zone"),
        ("cameras", feature("C", {"type": "Point", "coordinates": [1, 2]}, fov_deg=0), "above 0"),
    ],
)  # fmt: skip
def test_a_feature_that_cannot_be_stored_is_refused_and_changes_nothing(
    connection: Connection, layer: str, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadFeatureError) as refusal:
        create(connection, layer, given)
    assert words in str(refusal.value)
    assert places.summary(connection)[layer].count == 0
    assert version(connection, layer) == f"{layer}.0"


def test_a_polygon_that_crosses_itself_is_refused_with_the_place(connection: Connection) -> None:
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    with pytest.raises(BadFeatureError, match=r"Self-intersection\[0.5 0.5\]: mend"):
        create(connection, "grids", feature("A", bow))


def test_a_parent_may_not_become_its_own_grandchild(connection: Connection) -> None:
    create(connection, "grids", feature("A", square(), level="banner"))
    create(connection, "grids", feature("B", square(), level="sumu", parent="A"))
    with pytest.raises(BadFeatureError, match="its own ancestor"):
        replace(connection, "grids", "A", feature("A", square(), level="banner", parent="B"))
    with pytest.raises(BadFeatureError, match="'A' is of level 'cell', which is not above 'sumu'"):
        replace(connection, "grids", "A", feature("A", square(), level="cell"))


def test_a_grid_with_children_is_not_deleted(connection: Connection) -> None:
    create(connection, "grids", feature("A", square(), level="banner"))
    create(connection, "grids", feature("B", square(), parent="A"))
    with pytest.raises(InUseError, match="it is the parent of others"):
        places.delete(connection, "grids", "A")
    places.delete(connection, "grids", "B")
    places.delete(connection, "grids", "A")
    assert places.summary(connection)["grids"].count == 0


def test_a_post_takes_its_areas_with_it(connection: Connection) -> None:
    create(connection, "posts", feature("P", {"type": "Point", "coordinates": [105, 40]}))
    create(connection, "post_areas", feature("PA", square(), post="P"))
    places.delete(connection, "posts", "P")
    assert places.summary(connection)["post_areas"].count == 0
    with pytest.raises(NoSuchFeatureError):
        places.delete(connection, "posts", "P")


def test_an_edited_fence_gets_a_version_and_a_deleted_one_keeps_its_past(
    connection: Connection,
) -> None:
    made = create(connection, "fences", feature("F", square(), **FENCE))
    assert made["properties"]["version"] == 1
    assert made["properties"]["active"]["weekly"][0]["days"] == ["mon", "fri"]
    assert made["properties"]["margin_m"] == 0
    same = replace(connection, "fences", "F", made)
    assert same["properties"]["version"] == 1
    edited = replace(connection, "fences", "F", feature("F", square(), **FENCE, margin_m=30))
    assert edited["properties"]["version"] == 2
    places.delete(connection, "fences", "F")
    kept = connection.execute(
        text("SELECT version, valid_to IS NULL FROM fence_versions ORDER BY version")
    ).all()
    assert [tuple(row) for row in kept] == [(1, False), (2, False)]


def test_a_line_fence_keeps_its_direction_of_drawing(connection: Connection) -> None:
    line = {"type": "LineString", "coordinates": [[106.0, 40.0], [105.0, 40.5]]}
    made = create(connection, "fences", feature("L", line, rule="line", direction="left_to_right"))
    assert made["geometry"] == line


def test_a_frame_of_drawn_cells_is_put_and_put_again(connection: Connection) -> None:
    cells = gpd.GeoDataFrame(
        {"level": "cell", "parent": None, "note": "left"},
        index=["c1", "c2"],
        geometry=[shapely.box(105, 40, 105.1, 40.1), shapely.box(105.1, 40, 105.2, 40.1)],
        crs=4326,
    )
    before = cells.copy()
    first = places.put_frame(connection, "grids", cells, levels=LEVELS)
    again = places.put_frame(connection, "grids", cells, levels=LEVELS)
    assert (first.inserted, first.updated, first.unchanged) == (2, 0, 0)
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 2)
    assert version(connection, "grids") == "grids.1"
    assert cells.equals(before)


def test_a_frame_without_crs_or_with_bad_values_is_refused(connection: Connection) -> None:
    cells = gpd.GeoDataFrame({"level": ["cell"]}, index=["c1"], geometry=[shapely.box(1, 1, 2, 2)])
    with pytest.raises(BadFeatureError, match="not in EPSG:4326"):
        places.put_frame(connection, "grids", cells)
    with pytest.raises(BadFeatureError, match="grids 'c1': kind is 'x'"):
        places.put_frame(connection, "grids", cells.set_crs(4326).assign(kind="x"))
    with pytest.raises(BadFeatureError, match="level"):
        places.put_frame(connection, "grids", cells.set_crs(4326)[["geometry"]])
