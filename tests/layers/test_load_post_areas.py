"""A table of posts with the area that each looks after: two layers, loaded from one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import shapely
from sqlalchemy import Connection

from layers import export, frames
from layers.load import load
from scratch import rolled_back
from tests.layers.loading_words import csv

RING = "[[105, 40], [105.1, 40], [105.1, 40.1], [105, 40.1], [105, 40]]"
AREAS = [
    "POLYGON ((105 40, 105.1 40, 105.1 40.1, 105 40.1, 105 40))",
    f'{{"type": "Polygon", "coordinates": [{RING}]}}',
]


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def posts(folder: Path, area: str) -> Path:
    quoted = area.replace('"', '""')
    return csv(
        folder, "id,name,team,lon,lat,area", f'P,Post,T1,105.05,40.05,"{quoted}"',
        "Q,Quiet,T2,105.5,40.5,",
    )  # fmt: skip


@pytest.mark.parametrize("area", AREAS, ids=["wkt", "geojson"])
def test_areas_beside_posts_are_told_with_how_to_load_them_and_load_so(
    connection: Connection, tmp_path: Path, area: str
) -> None:
    path = posts(tmp_path, area)
    report = load(connection, "posts", path)
    assert report.notes == [
        "column 'area' holds areas and was not read: those of posts are the layer post_areas; load"
        " the file as that, too, with --map wkt=area --map post=id"
    ]
    mapping = {"wkt": "area", "post": "id"}
    areas = load(connection, "post_areas", path, mapping=mapping, skip_bad=True)
    assert (areas.inserted, areas.refused) == (
        1, ["row 2 (id 'Q'): has no geometry: give it one, or take the row out"],
    )  # fmt: skip
    (found,) = frames.places(connection, "post_areas").itertuples()
    assert (found.Index, found.post, found.name) == ("P", "P", "Post")
    assert found.geometry.equals(shapely.box(105, 40, 105.1, 40.1))


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".fgb", ".parquet", ".csv"])
def test_posts_and_their_areas_come_back_from_a_file_with_team_and_post(
    connection: Connection, tmp_path: Path, suffix: str
) -> None:
    path = posts(tmp_path, AREAS[0])
    load(connection, "posts", path)
    load(connection, "post_areas", path, mapping={"wkt": "area", "post": "id"}, skip_bad=True)
    for layer in ("posts", "post_areas"):
        before = frames.places(connection, layer)
        export.export(connection, layer, tmp_path / f"{layer}{suffix}")
        report = load(connection, layer, tmp_path / f"{layer}{suffix}")
        assert (report.unchanged, report.notes) == (len(before), [])
        assert frames.places(connection, layer).equals(before)


def test_a_column_of_areas_of_another_layer_is_not_spoken_of(
    connection: Connection, tmp_path: Path
) -> None:
    report = load(connection, "settlements", posts(tmp_path, AREAS[0]))
    assert report.notes == []
    assert report.dropped_columns == ["team", "area"]
