"""Rasters by command and over HTTP."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest
import rasterio
from affine import Affine

from tests.api.api_words import code
from tests.api.command_words import Run, write


@pytest.fixture
def heights(tmp_path: Path) -> Path:
    """Four by three pixels of half a degree: 0 to 11 m from the north-west, the last missing."""
    path = tmp_path / "heights.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=4, height=3, count=1, dtype="int16", nodata=11,
        crs="EPSG:4326", transform=Affine(0.5, 0, 100, 0, -0.5, 43),
    ) as file:  # fmt: skip
        file.write(np.arange(12, dtype="int16").reshape(1, 3, 4))
    return path


def test_a_raster_is_loaded_listed_asked_and_written_again(
    run: Run, admin: httpx.Client, heights: Path, tmp_path: Path
) -> None:
    empty = admin.get("/api/rasters")
    assert (empty.json()["rasters"], empty.json()["as_of"]) == ([], None)
    assert code(admin.get("/api/rasters/elevation/at?lon=100&lat=42")) == "404 no_such_raster"
    loaded = run("load", "elevation", heights)
    assert (loaded.code, loaded.err) == (0, "")
    assert loaded.out == ("elevation: 4 x 3 pixels loaded, 1 without a value, from 0 to 10 m\n")
    assert "4 x 3 pixels unchanged" in run("load", "elevation", heights).out
    (told,) = admin.get("/api/rasters").json()["rasters"]
    assert (told["id"], told["unit"], told["crs"]) == ("elevation", "m", "EPSG:4326")
    assert (told["bbox"], told["resolution"]) == ([100, 41.5, 102, 43], [0.5, 0.5])
    assert (told["data_version"], told["nodata"]) == ("elevation.1", 11)
    for lon, lat, value in ((100.1, 42.9, 0), (101.6, 42.9, 3), (100.6, 41.6, 9),
                            (101.9, 41.6, None), (0, 0, None)):  # fmt: skip
        found = admin.get(f"/api/rasters/elevation/at?lon={lon}&lat={lat}")
        assert (found.json()["value"], found.json()["unit"]) == (value, "m")
    tag = {"If-None-Match": found.headers["etag"]}
    assert admin.get("/api/rasters/elevation/at?lon=0&lat=0", headers=tag).status_code == 304
    assert code(admin.get("/api/rasters/elevation/at?lon=0&lat=91")) == "422 invalid_request"
    assert code(admin.get("/api/rasters/mood/at?lon=0&lat=9")) == "404 no_such_raster"
    out = tmp_path / "out.tif"
    assert run("export", "elevation", out).out == f"{out}: 4 x 3 pixels of elevation\n"
    with rasterio.open(out) as file:
        assert file.read(1).tolist() == np.arange(12).reshape(3, 4).tolist()


def test_a_raster_that_cannot_be_is_refused_in_one_line(
    run: Run, heights: Path, tmp_path: Path
) -> None:
    cut = write(tmp_path / "cut.tif", heights.read_bytes()[:100])
    for arguments, words in (
        (("load", "elevation", cut), "cannot be read as GeoTIFF"),
        (("load", "elevation", heights, "--crs", "EPSG:32648"), "--crs is for files"),
        (("load", "elevation", heights, "--band", 2), "no band 2"),
        (("load", "elevation", heights, "--nodata", 3), "declares nodata 11"),
        (("load", "elevation", tmp_path), "it is a folder"),
        (("export", "land_cover", tmp_path / "x.tif"), "there is no raster 'land_cover'"),
    ):
        assert words in run(*arguments).refusal, arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ("load", "elevation", "x.tif", "--map", "a=b"),
        ("load", "elevation", "x.tif", "--set", "a=b"),
        ("load", "roads", "x.geojson", "--band", "1"),
        ("export", "speed", "x.tif", "--level", "a"),
        ("export", "speed", "x.tif", "--bbox", "1,2,3,4"),
        ("export", "roads", "x.csv", "--bbox", "a"),
    ],
)
def test_options_that_are_of_something_else_are_wrong_usage(
    run: Run, arguments: tuple[str, ...]
) -> None:
    ended = run(*arguments)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
