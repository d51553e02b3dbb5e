"""Loading layers from files: columns, ids, formats, and what a second load does."""

from __future__ import annotations

import json
import os
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from sqlalchemy import Connection, text

from layers import frames, places, versions
from layers.errors import BadFileError, NoSuchLayerError
from layers.load import load
from scratch import rolled_back

LEVELS = ("banner", "sumu", "cell")
HAZARDS = Path(__file__).parents[2] / "fixtures" / "hazards"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.fixture
def grids() -> gpd.GeoDataFrame:
    """A banner of two cells, under another office's names."""
    return gpd.GeoDataFrame(
        {"code": [1, 2], "label": ["West", None], "remark": ["x", "y"]},
        geometry=[shapely.box(105, 40, 105.1, 40.1), shapely.box(105.1, 40, 105.2, 40.1)],
        crs="EPSG:4326",
    )


def write(path: Path, frame: gpd.GeoDataFrame) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".csv":
        table = pd.DataFrame(frame.drop(columns="geometry")).assign(WKT=frame.geometry.to_wkt())
        table.to_csv(path, index=False)
    else:
        frame.to_file(path)
    return path


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp", ".fgb", ".parquet", ".csv"])
def test_every_format_loads_by_mapped_and_set_columns(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame, suffix: str
) -> None:
    path = write(tmp_path / f"cells{suffix}", grids)
    report = load(
        connection,
        "grid",
        path,
        mapping={"id": "code", "name_en": "label"},
        settings={"level": "sumu", "team": "T1"},
        levels=LEVELS,
    )
    assert (report.layer, report.read, report.inserted) == ("grids", 2, 2)
    assert (report.dropped_columns, report.repaired) == (["remark"], [])
    stored = frames.places(connection, "grids")
    assert stored.index.to_list() == ["1", "2"]
    assert stored["name_en"].to_list()[0] == "West"
    assert pd.isna(stored["name_en"].to_list()[1])
    assert set(stored["level"]) == {"sumu"}
    assert set(stored["team"]) == {"T1"}
    assert stored.geometry.geom_equals(grids.set_axis(stored.index).geometry).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(shapely.get_parts(stored.geometry))).all()


def test_a_declared_projection_is_undone_in_every_format(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame
) -> None:
    for n, suffix in enumerate([".gpkg", ".shp", ".fgb", ".parquet", ".geojson"]):
        moved = grids.to_crs(32648).assign(code=[f"{n}a", f"{n}b"])
        path = write(tmp_path / f"cells{suffix}", moved)
        # On each other, which grids of different levels without a parent may be.
        load(connection, "grids", path, mapping={"id": "code"}, settings={"level": f"level {n}"})
    stored = frames.places(connection, "grids")
    west = stored[stored.index.str.endswith("a")]
    assert len(west) == 5
    assert shapely.hausdorff_distance(west.geometry.to_numpy(), grids.geometry[0]) == pytest.approx(
        [0] * 5, abs=1e-9
    )


def test_a_geographic_crs_with_latitude_first_is_read_as_files_write_it(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame
) -> None:
    # China's own datum: EPSG gives latitude first, files have longitude first.
    path = write(tmp_path / "cells.gpkg", grids.set_crs(4490, allow_override=True))
    load(connection, "grids", path, mapping={"id": "code"})
    assert places.extent(connection) == pytest.approx((105, 40, 105.2, 40.1), abs=1e-5)


def test_loading_again_updates_what_changed_and_keeps_what_is_not_given(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame
) -> None:
    path = write(tmp_path / "cells.geojson", grids.rename(columns={"label": "name"}))
    load(connection, "grids", path, mapping={"id": "code"}, settings={"level": "sumu"})
    again = load(connection, "grids", path, mapping={"id": "code"})
    assert (again.inserted, again.updated, again.unchanged) == (0, 0, 2)
    assert versions.read(connection, ["grids"]).data_version == "grids.1"
    assert set(frames.places(connection, "grids")["level"]) == {"sumu"}
    grids.loc[0, "geometry"] = shapely.box(105, 40, 105.05, 40.1)
    changed = write(tmp_path / "changed.geojson", grids)
    third = load(connection, "grids", changed, mapping={"id": "code"})
    assert (third.inserted, third.updated, third.unchanged) == (0, 1, 1)
    assert versions.read(connection, ["grids"]).data_version == "grids.2"
    assert frames.places(connection, "grids")["name"].to_list()[0] == "West"


def test_fences_loaded_twice_have_one_version_and_changed_ones_two(
    connection: Connection, tmp_path: Path
) -> None:
    rules: dict[str, Any] = {"id": "F", "rule": "keep_out", "applies_to": {"teams": ["T1"]}}

    def put(**more: Any) -> None:
        path = tmp_path / "fences.geojson"
        geometry = shapely.geometry.mapping(shapely.box(105, 40, 105.1, 40.1))
        feature = {"type": "Feature", "properties": {**rules, **more}, "geometry": geometry}
        path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
        load(connection, "fences", path)

    for margin_m in (0, 0, 30):
        put(margin_m=margin_m)
    found = frames.fence_versions(connection)
    assert found["version"].to_list() == [1, 2]
    assert found["margin_m"].to_list() == [0, 30]
    assert found["applies_to"].to_list() == [{"teams": ["T1"]}] * 2


def test_a_child_may_stand_before_its_parent_in_the_file(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame
) -> None:
    family = grids.assign(id=["child", "parent"], parent=["parent", None], level=["cell", "sumu"])
    family.loc[1, "geometry"] = family.union_all()
    load(connection, "grids", write(tmp_path / "family.gpkg", family), levels=LEVELS)
    assert places.feature(connection, "grids", "child")["properties"]["parent"] == "parent"


def test_a_file_whose_axes_are_swapped_within_the_region_is_refused(
    connection: Connection, tmp_path: Path
) -> None:
    # Where longitude and latitude are both below 90 nothing else can tell.
    region = gpd.GeoDataFrame({"id": ["R"]}, geometry=[shapely.box(80, 40, 85, 44)], crs=4326)
    load(connection, "grids", write(tmp_path / "region.geojson", region))
    path = tmp_path / "posts.csv"
    path.write_text("id,lon,lat\nP,41,82\n")
    with pytest.raises(BadFileError, match=r"posts.csv: it lies wholly outside .* are swapped"):
        load(connection, "posts", path)
    path.write_text("id,lon,lat\nP,82,41\nQ,20,10\n")
    assert load(connection, "posts", path).inserted == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mapping": {"code": "id"}}, "--map code=id: 'code' is no column of grids: write OURS="),
        (
            {"mapping": {"id": "kode"}},
            "it has no column 'kode' for id; did you mean 'code'? It has",
        ),
        ({"mapping": {"id": "nope"}}, "it has no column 'nope' for id. It has code, label"),
        ({"mapping": {"area_m2": "code"}}, "'area_m2' is no column of grids"),
        ({"settings": {"colour": "red"}}, "--set colour: it is no column of grids"),
        ({"settings": {"kind": "wet"}}, "--set kind: kind is 'wet': give one of rural"),
        ({"mapping": {"level": "code"}, "settings": {"level": "x"}}, "choose one of them"),
        ({"mapping": {"lon": "code"}}, "lon, lat and wkt are for CSV"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(
    connection: Connection,
    tmp_path: Path,
    grids: gpd.GeoDataFrame,
    options: dict[str, Any],
    words: str,
) -> None:
    path = write(tmp_path / "cells.geojson", grids)
    with pytest.raises(BadFileError) as refusal:
        load(connection, "grids", path, **options)
    assert words in str(refusal.value)


def test_a_file_that_is_not_there_a_folder_and_an_unknown_suffix_are_refused(
    connection: Connection, tmp_path: Path
) -> None:
    with pytest.raises(BadFileError, match=r"nothing.gpkg: there is no such file"):
        load(connection, "grids", tmp_path / "nothing.gpkg")
    with pytest.raises(BadFileError, match="it is a folder"):
        load(connection, "grids", tmp_path)
    with pytest.raises(BadFileError, match=r"^\.: it is a folder"):
        load(connection, "grids", Path())
    os.mkfifo(tmp_path / "cells.geojson")
    with pytest.raises(BadFileError, match="it is no regular file"):
        load(connection, "grids", tmp_path / "cells.geojson")
    (tmp_path / "cells.psd").write_text("x")
    with pytest.raises(BadFileError, match=r"files that end in '.psd' are not read"):
        load(connection, "grids", tmp_path / "cells.psd")
    with pytest.raises(NoSuchLayerError):
        load(connection, "cells", tmp_path / "cells.psd")


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".parquet", ".zip", ".shp", ".osm.pbf"])
def test_a_file_that_was_cut_short_is_refused_in_one_line(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame, suffix: str
) -> None:
    path = tmp_path / f"cut{suffix}"
    if suffix in {".zip", ".osm.pbf"}:
        shutil.copy(HAZARDS / ("utm48.zip" if suffix == ".zip" else "roads.osm.pbf"), path)
    else:
        write(path, grids)
    path.write_bytes(path.read_bytes()[:150])
    layer = "roads" if suffix == ".osm.pbf" else "grids"
    with pytest.raises(BadFileError) as refusal:
        load(connection, layer, path)
    assert str(refusal.value).startswith(f"cut{suffix}: ")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("ending", [".shx", ".dbf"])
def test_a_shapefile_without_one_of_its_parts_says_so(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame, ending: str
) -> None:
    # Without its table it would load nameless, without its index not at all.
    path = write(tmp_path / "cells.shp", grids)
    path.with_suffix(ending).unlink()
    packed = tmp_path / "cells.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for part in tmp_path.glob("cells.*"):
            if part != packed:
                archive.write(part, f"inner/{part.name}")
    for file in (path, packed):
        with pytest.raises(BadFileError) as refusal:
            load(connection, "grids", file)
        assert str(refusal.value) == f"{file.name}: its {ending} is missing: give the whole file"


def test_what_gdal_says_is_told_without_its_own_paths(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame
) -> None:
    write(tmp_path / "cells.shp", grids)
    packed = tmp_path / "cells.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for part in tmp_path.glob("cells.*"):
            if part != packed:
                archive.writestr(part.name, b"" if part.suffix == ".shx" else part.read_bytes())
    with pytest.raises(BadFileError, match="it cannot be read") as refusal:
        load(connection, "grids", packed)
    assert "vsizip" not in str(refusal.value)
    assert str(tmp_path) not in str(refusal.value)


def test_a_geopackage_that_does_not_know_its_crs_is_refused(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame
) -> None:
    for n, crs in enumerate(["", "GEOGCS['Undefined geographic SRS',DATUM['unknown',"
                             "SPHEROID['unknown',6378137,298.257223563]],PRIMEM['Greenwich',0],"
                             "UNIT['degree',0.0174532925199433]]"]):  # fmt: skip
        path = tmp_path / f"cells{n}.gpkg"
        lost = grids.set_crs(crs.replace("'", '"') or None, allow_override=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it has no CRS: on purpose
            lost.to_file(path)
        with pytest.raises(BadFileError, match="it declares no CRS: say which with --crs"):
            load(connection, "grids", path, mapping={"id": "code"})
        load(connection, "grids", path, mapping={"id": "code"}, crs="EPSG:4326")


def test_of_several_layers_one_is_named_as_ours_or_asked_for(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame
) -> None:
    path = tmp_path / "office.gpkg"
    for name in ("cells_2025", "cells_2026"):
        grids.to_file(path, layer=name)
    with pytest.raises(BadFileError, match=r"several layers \(cells_2025, cells_2026\)"):
        load(connection, "grids", path)
    with pytest.raises(BadFileError, match="it has no layer 'cells': there are cells_2025"):
        load(connection, "grids", path, source_layer="cells")
    assert load(connection, "grids", path, source_layer="cells_2026").inserted == 2
    grids.to_file(path, layer="grids")
    assert load(connection, "grids", path).unchanged == 2


def test_a_failed_load_leaves_the_transaction_usable(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame
) -> None:
    path = write(tmp_path / "cells.geojson", grids.assign(parent="nowhere"))
    with pytest.raises(BadFileError, match="does not exist"):
        load(connection, "grids", path, mapping={"id": "code"})
    assert connection.execute(text("SELECT count(*) FROM grids")).scalar_one() == 0
    assert load(connection, "grids", write(path, grids), mapping={"id": "code"}).inserted == 2


def test_a_row_number_of_gdal_may_be_the_id(
    connection: Connection, tmp_path: Path, grids: gpd.GeoDataFrame
) -> None:
    load(connection, "grids", write(tmp_path / "cells.gpkg", grids), mapping={"id": "fid"})
    assert frames.places(connection, "grids").index.to_list() == ["1", "2"]


def test_five_thousand_polygons_load_within_the_limit_of_a_test(
    connection: Connection, tmp_path: Path
) -> None:
    cells = gpd.GeoDataFrame(
        {"id": [f"c{n}" for n in range(5000)]},
        geometry=[
            shapely.Point(100 + n % 100 * 0.05, 38 + n // 100 * 0.05).buffer(0.02, quad_segs=5)
            for n in range(5000)
        ],
        crs=4326,
    )
    path = write(tmp_path / "cells.parquet", cells)
    assert load(connection, "grids", path).inserted == 5000
