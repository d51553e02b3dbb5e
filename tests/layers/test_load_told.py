"""What a load leaves out, or takes for another, is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pytest
from sqlalchemy import Connection

from layers import frames
from layers.load import load
from scratch import rolled_back
from tests.layers.loading_words import csv, refusal

TRACK = '<trk><trkseg><trkpt lat="40" lon="105"/><trkpt lat="40.1" lon="105"/></trkseg></trk>'
ROUTE = '<rte><rtept lat="40" lon="106"/><rtept lat="40.1" lon="106"/></rte>'
WAYPOINT = '<wpt lat="40" lon="105"/>'


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def gpx(path: Path, *parts: str) -> Path:
    space = "http://www.topografix.com/GPX/1/1"
    path.write_text(f'<gpx version="1.1" creator="x" xmlns="{space}">{"".join(parts)}</gpx>')
    return path


def test_routes_beside_tracks_are_left_out_and_told(connection: Connection, tmp_path: Path) -> None:
    path = gpx(tmp_path / "x.gpx", WAYPOINT, ROUTE, ROUTE.replace("106", "107"), TRACK)
    told = "tracks loaded; 2 routes left out: load them with --layer-name routes"
    notes = load(connection, "roads", path).notes
    assert told in notes
    assert "tracks loaded; 1 waypoint left out: roads takes none" in notes
    notes = load(connection, "settlements", path).notes
    assert "waypoints loaded; 2 routes left out: settlements takes none" in notes
    assert "waypoints loaded; 1 track left out: settlements takes none" in notes
    routes = load(connection, "roads", path, source_layer="routes")
    assert routes.inserted == 2
    assert not any("left out" in one for one in routes.notes)
    alone = load(connection, "roads", gpx(tmp_path / "y.gpx", ROUTE))
    assert alone.unchanged == 1
    assert not any("left out" in one for one in alone.notes)


def test_parts_of_a_line_that_a_file_has_no_longer_stay_and_are_told(
    connection: Connection, tmp_path: Path
) -> None:
    def roads(*lines: str) -> list[str]:
        rows = [f'{name},"{line}"' for name, line in zip(("R1", "R2"), lines, strict=False)]
        return load(connection, "roads", csv(tmp_path, "id,wkt", *rows)).notes

    first, second = "(105 40, 105 40.1)", "(105 40.2, 105 40.3)"
    roads(f"MULTILINESTRING ({first}, {second})", "LINESTRING (106 40, 106 41)")
    told = "stored, but not in the file: R1-2: delete what was a part of a line that has fewer now"
    assert told in roads(f"LINESTRING {first}")
    assert not any("not in the file" in one for one in roads(
        f"MULTILINESTRING ({first}, {second})"
    ))  # fmt: skip


def shapefile(path: Path, *, deleted: int) -> Path:
    """Three points, of whose rows the first are marked as deleted."""
    frame = gpd.GeoDataFrame(
        {"id": ["A", "B", "C"]}, geometry=gpd.points_from_xy([105, 106, 107], [40] * 3), crs=4326
    )
    frame.to_file(path)
    table = path.with_suffix(".dbf")
    data = bytearray(table.read_bytes())
    head, width = (int.from_bytes(data[at : at + 2], "little") for at in (8, 10))
    for row in range(deleted):
        data[head + row * width] = ord("*")
    table.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize(
    ("deleted", "note"),
    [(0, []), (1, ["1 row that was deleted in it left out"]),
     (2, ["2 rows that were deleted in it left out"])],
)  # fmt: skip
def test_rows_that_were_deleted_in_a_shapefile_are_left_out_and_told(
    connection: Connection, tmp_path: Path, deleted: int, note: list[str]
) -> None:
    report = load(connection, "settlements", shapefile(tmp_path / "x.shp", deleted=deleted))
    assert (report.inserted, report.notes) == (3 - deleted, note)
    assert list(frames.places(connection, "settlements").index) == ["A", "B", "C"][deleted:]


@pytest.mark.parametrize("ending", [".shp", ".shx", ".dbf"])
def test_a_cut_shapefile_is_refused_though_rows_were_deleted_in_it(
    connection: Connection, tmp_path: Path, ending: str
) -> None:
    path = shapefile(tmp_path / "x.shp", deleted=1)
    part = path.with_suffix(ending)
    part.write_bytes(part.read_bytes()[: -30 if ending != ".shx" else -8])
    assert refusal(connection, "settlements", path).startswith("x.shp: it ")


def test_ids_of_features_that_differ_from_their_property_are_told(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "x.geojson"
    features = [
        {"type": "Feature", "id": own, "properties": {"id": said},
         "geometry": {"type": "Point", "coordinates": [105, 40 + n / 10]}}
        for n, (own, said) in enumerate([("m1", "p1"), (2, "2"), ("p3", "p3")])
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    assert load(connection, "settlements", path).notes == [
        "the features' own ids differ from the property id, which was taken: 'm1' is called 'p1'"
    ]
    assert list(frames.places(connection, "settlements").index) == ["2", "p1", "p3"]


def test_that_every_row_is_refused_is_said_with_the_first(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,lon,lat", "A,999,40", "B,998,40")
    said = refusal(connection, "settlements", path, skip_bad=True)
    assert said.startswith("x.csv: every row is refused (2), such as row 1 (id 'A'): lies off the")


@pytest.mark.parametrize("cell", ["104.2*", "104.3.", "104.4?", "41,5*"])
def test_a_coordinate_with_rubbish_behind_it_is_refused(
    connection: Connection, tmp_path: Path, cell: str
) -> None:
    path = csv(tmp_path, "id;lon;lat", f"A;{cell};40")
    assert f"the coordinate {cell!r} " in refusal(connection, "settlements", path)


def test_degrees_minutes_and_seconds_without_signs_are_named_as_such(
    connection: Connection, tmp_path: Path
) -> None:
    path = csv(tmp_path, "id,lon,lat", "A,1041230,413600", "B,1041330,413700")
    said = refusal(connection, "settlements", path)
    assert "looks like degrees, minutes and seconds written together: write 104°12'30" in said
    other = csv(tmp_path, "id,lon,lat", "A,1041270,413600", "B,1041330,413700")
    assert "written together" not in refusal(connection, "settlements", other)


def test_a_spreadsheets_empty_date_is_no_time(connection: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path, "id,kind,last_heartbeat,lon,lat", "A,staffed,1899-12-30,105,40")
    said = refusal(connection, "checkpoints", path, time_zone="UTC")
    assert "which is a spreadsheet's empty date: leave it empty" in said
