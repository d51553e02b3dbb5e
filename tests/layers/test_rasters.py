"""Rasters: as they came, held against rasterio's own windows; what is refused, in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window
from sqlalchemy import Connection, text

from layers import rasters, versions
from layers.errors import BadFileError, BadQueryError, NoSuchRasterError
from scratch import rolled_back

DEGREES = Affine(0.01, 0, 100, 0, -0.01, 43)
UTM = Affine(250, 0, 400_000, 0, -250, 4_700_000)
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


@pytest.fixture
def tif(tmp_path: Path) -> Make:
    """Make a GeoTIFF of values; degrees, without nodata, unless told otherwise."""

    def make(values: Any, name: str = "x.tif", **more: Any) -> Path:
        return write(tmp_path / name, np.asarray(values), **more)

    return make


def write(path: Path, values: Any, **more: Any) -> Path:
    bands = values if values.ndim == 3 else values[None]
    unit, scale, shift = (more.pop(k, d) for k, d in (("unit", None), ("scale", 1), ("shift", 0)))
    profile = {"crs": "EPSG:4326", "transform": DEGREES, "dtype": bands.dtype, **more}
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        **profile,
    ) as file:  # fmt: skip
        file.write(bands)
        file.scales, file.offsets = [scale] * len(bands), [shift] * len(bands)
        if unit:
            file.units = [unit] * len(bands)
    return path


def hills(rows: int, cols: int, dtype: str = "float32") -> Any:
    """Heights that are different everywhere."""
    y, x = np.mgrid[0:rows, 0:cols]
    return (1000 + 300 * np.sin(x / 17) + 200 * np.cos(y / 11) + x / 999).astype(dtype)


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64", "uint16", "int32"])
@pytest.mark.parametrize("lies", [("EPSG:4326", DEGREES), ("EPSG:32648", UTM)])
def test_a_raster_goes_round_bit_by_bit(
    connection: Connection, tif: Make, tmp_path: Path, dtype: str, lies: tuple[str, Affine]
) -> None:
    values = hills(300, 517, dtype)
    values[10:290, 5:400] = -200 if dtype != "uint16" else 7
    gap = float(values[20, 20])
    path = tif(values, crs=lies[0], transform=lies[1], nodata=gap, unit="m")
    done = rasters.load(connection, "elevation", path)
    assert (done.missing, done.is_unchanged) == (280 * 395, False)
    assert done.least == values[values != gap].min()
    rasters.export(connection, "elevation", tmp_path / "out.tif")
    with rasterio.open(path) as was, rasterio.open(tmp_path / "out.tif") as now:
        for name in ("crs", "transform", "nodata", "dtypes", "shape", "units", "scales", "offsets"):
            assert getattr(now, name) == getattr(was, name), name
        assert now.read(1).tobytes() == was.read(1).tobytes()
    assert rasters.load(connection, "elevation", tmp_path / "out.tif").is_unchanged
    assert {one.name for one in tmp_path.iterdir()} == {"x.tif", "out.tif"}


def test_nan_scales_and_south_up_stay_as_they_are(connection: Connection, tif: Make) -> None:
    values = hills(40, 30)
    values[3, 4] = np.nan
    up = Affine(0.01, 0, 100, 0, 0.01, 43)
    rasters.load(connection, "elevation", tif(values / 10, transform=up, scale=10, shift=-50))
    part = rasters.read(connection, "elevation")
    assert part.stored.tobytes() == (values / 10).tobytes()
    assert part.transform == up
    assert np.array_equal(part.values, (values / 10).astype(float) * 10 - 50, equal_nan=True)
    assert rasters.at(connection, "elevation", 100.045, 43.035) is None
    found = rasters.at(connection, "elevation", 100.055, 43.035)
    assert found == pytest.approx(values[3, 5] - 50, abs=1e-3)
    assert rasters.at(connection, "elevation", 99.9, 43.035) is None


BOX = st.tuples(st.floats(98, 108), st.floats(37, 44), st.floats(0, 6), st.floats(0, 5))


@pytest.fixture(scope="module")
def wide(connection: Connection, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A raster of three by three blocks, in the database and as rasterio has it."""
    values = hills(600, 700, "int16")
    values[200:560, 100:420] = -32768
    path = write(tmp_path_factory.mktemp("wide") / "wide.tif", values, nodata=-32768)
    rasters.load(connection, "elevation", path)
    with rasterio.open(path) as source:
        yield source


@settings(max_examples=60)
@given(box=BOX)
def test_any_part_is_the_pixels_of_rasterios_window(
    connection: Connection, wide: Any, box: tuple[float, ...]
) -> None:
    west, south, east, north = box[0], box[1], box[0] + box[2], box[1] + box[3]
    part = rasters.read(connection, "elevation", (west, south, east, north))
    # The slow way: every pixel whose square meets the box, one by one along both axes.
    cols = [n for n in range(700) if 100 + n / 100 < east and 100 + (n + 1) / 100 > west]
    rows = [n for n in range(600) if 43 - n / 100 > south and 43 - (n + 1) / 100 < north]
    if not (cols and rows) or not part.stored.size:
        assert part.stored.size <= max(part.stored.shape)
        return
    # An edge on a pixel's edge may or may not take the neighbour in.
    (c, f), shape = (~wide.transform @ (part.transform.c, part.transform.f)), part.stored.shape
    assert abs(c - cols[0]) <= 1.001
    assert abs(f - rows[0]) <= 1.001
    assert abs(shape[1] - len(cols)) <= 1
    assert abs(shape[0] - len(rows)) <= 1
    window = Window(round(c), round(f), shape[1], shape[0])
    assert np.array_equal(part.stored, wide.read(1, window=window))
    assert np.array_equal(part.missing, wide.read_masks(1, window=window) == 0)


def test_only_the_blocks_that_are_asked_for_are_read(
    connection: Connection, wide: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = connection.execute(text("SELECT block_row, block_col FROM raster_blocks")).all()
    assert len(stored) == 9  # none of them is nodata alone
    read: list[tuple[int, int]] = []
    whole = rasters.read.__globals__["blocks"]

    def told(*given: Any) -> Iterator[Any]:
        for block in whole(*given):
            read.append(block[:2])
            yield block

    monkeypatch.setitem(rasters.read.__globals__, "blocks", told)
    rasters.read(connection, "elevation", (102.5, 40.4, 102.6, 40.5))
    assert read == [(0, 0), (0, 1), (1, 0), (1, 1)]
    read.clear()
    rasters.at(connection, "elevation", 105.8, 37.2)
    assert read == [(2, 2)]


def test_a_block_without_a_value_takes_no_room(connection: Connection, tif: Make) -> None:
    values = np.full((600, 600), -1, dtype="int16")
    values[0, 0] = 5
    rasters.load(connection, "elevation", tif(values, nodata=-1))
    count = connection.execute(text("SELECT count(*) FROM raster_blocks")).scalar_one()
    assert count == 1
    assert np.array_equal(rasters.read(connection, "elevation").stored, values)


def test_180_degrees_are_no_edge(connection: Connection, tif: Make) -> None:
    around = Affine(1, 0, 170, 0, -1, 50)
    rasters.load(connection, "elevation", tif(np.arange(20.0)[None], transform=around))
    assert rasters.find(connection, "elevation").bbox == (170, 49, -170, 50)
    assert rasters.at(connection, "elevation", 175.5, 49.5) == 5
    assert rasters.at(connection, "elevation", -175.5, 49.5) == 14
    part = rasters.read(connection, "elevation", (178, 49, -178, 50))
    assert part.values.tolist() == [[8, 9, 10, 11]]
    assert rasters.read(connection, "elevation", (-175, 49, -174, 50)).values.tolist() == [[15]]


def test_a_projected_raster_is_asked_in_degrees_and_answers_in_metres(
    connection: Connection, tif: Make
) -> None:
    rasters.load(connection, "speed", tif(np.full((40, 40), 30.0), crs="EPSG:32648", transform=UTM))
    raster = rasters.find(connection, "speed")
    assert raster.bounds == (400_000, 4_690_000, 410_000, 4_700_000)
    west, south, east, north = raster.bbox or (0.0,) * 4
    part = rasters.read(connection, "speed", (west, south, (west + east) / 2, north))
    assert part.stored.shape[0] == 40
    assert 19 <= part.stored.shape[1] <= 22
    assert "32648" in part.crs
    metres = rasters.read(connection, "speed", (401_000, 4_691_000, 401_500, 4_691_250),
                          crs="EPSG:32648")  # fmt: skip
    assert metres.stored.shape == (1, 2)
    assert rasters.read(connection, "speed", (0, 0, 1, 1)).stored.size == 0
    for bad in ((1, 2, 0, 3), (0, 3, 1, 2), (float("nan"), 0, 1, 1)):
        with pytest.raises(BadQueryError, match="bounds"):
            rasters.read(connection, "speed", bad, crs="EPSG:32648")


def test_a_load_takes_the_place_of_the_one_before_and_moves_the_version(
    connection: Connection, tif: Make
) -> None:
    def version() -> str:
        return versions.read(connection, ["land_cover"]).data_version

    with pytest.raises(NoSuchRasterError, match="no raster 'land_cover'"):
        rasters.at(connection, "land_cover", 100.01, 42.99)
    classes = np.array([[10, 20], [30, 255]], dtype="uint8")
    seen = [version()]
    for values, moves in ((classes, True), (classes, False), (classes + 1, True)):
        rasters.load(connection, "land_cover", tif(values, nodata=255))
        seen.append(version())
        assert (seen[-1] != seen[-2]) is moves
    value = rasters.at(connection, "land_cover", 100.015, 42.995)
    assert (value, type(value)) == (21, int)
    assert [one.name for one in rasters.listed(connection)].count("land_cover") == 1


GOOD = hills(3, 4)


@pytest.mark.parametrize(
    ("name", "values", "more", "asked", "words"),
    [
        ("elevation", GOOD, {"crs": None}, {}, "declares no CRS: say which with --crs"),
        ("elevation", GOOD, {}, {"crs": "EPSG:32648"}, "--crs is for files that declare none"),
        ("elevation", GOOD, {"crs": None}, {"crs": "EPSG:0"}, "no such CRS"),
        ("elevation", np.stack([GOOD] * 2), {}, {}, "2 bands: say which with --band 1 to 2"),
        ("elevation", GOOD, {}, {"band": 2}, "no band 2: there are 1"),
        ("elevation", GOOD * 20, {}, {}, r"elevation is from -500 to 9000 m.*--nodata 2"),
        ("elevation", GOOD * 0 - 9999, {}, {"nodata": -9999}, "no values, only nodata"),
        ("elevation", GOOD, {"nodata": -1}, {"nodata": 0}, "declares nodata -1"),
        ("elevation", GOOD, {"unit": "ft"}, {}, "its unit is 'ft': write it in m"),
        ("elevation", GOOD, {"scale": float("inf")}, {}, "its scale inf"),
        ("elevation", GOOD.astype("complex64"), {}, {}, "its values are complex64"),
        ("elevation", GOOD, {"transform": DEGREES @ Affine.rotation(30)}, {}, "it is rotated"),
        ("elevation", GOOD, {"transform": Affine(-1, 0, 9, 0, -1, 9)}, {}, "or mirrored"),
        ("speed", GOOD, {}, {}, "speed is from 0 to 150 km/h"),
        ("land_cover", GOOD, {}, {}, "its values are float32: write whole numbers"),
        ("land_cover", GOOD.astype("int16"), {"scale": 2}, {}, "its classes have a scale"),
    ],
)  # fmt: skip
def test_what_is_no_such_raster_is_refused_and_changes_nothing(
    connection: Connection, tif: Make, name: str, values: Any, more: Any, asked: Any, words: str
) -> None:
    before = connection.execute(text("SELECT name, digest FROM rasters ORDER BY 1")).all()
    with pytest.raises(BadFileError, match=words) as refused:
        rasters.load(connection, name, tif(values, **more), **asked)
    assert "\n" not in str(refused.value)
    assert connection.execute(text("SELECT name, digest FROM rasters ORDER BY 1")).all() == before


def test_a_file_that_is_no_whole_geotiff_is_refused(
    connection: Connection, tif: Make, tmp_path: Path
) -> None:
    whole = tif(np.random.default_rng(1).uniform(0, 100, (300, 300)))
    cut = tmp_path / "cut.tif"
    cut.write_bytes(whole.read_bytes()[:200_000])
    head = tmp_path / "head.tif"
    head.write_bytes(whole.read_bytes()[:20])
    words = tmp_path / "words.tif"
    words.write_text("no tiff")
    with pytest.warns(NotGeoreferencedWarning):
        nowhere = tif(GOOD, "nowhere.tif", transform=Affine.identity())
    for path, said in (
        (cut, "cannot be read as GeoTIFF"), (head, "cannot be read as GeoTIFF"),
        (words, "it is no GeoTIFF"), (tmp_path / "none.tif", "there is no such file"),
        (nowhere, "does not say where it lies"),
    ):  # fmt: skip
        with pytest.raises(BadFileError, match=said):
            rasters.load(connection, "elevation", path)
    masked = tif(GOOD, "masked.tif")
    with rasterio.open(masked, "r+") as file:
        file.write_mask(GOOD > 1100)
    with pytest.raises(BadFileError, match="it has a mask"):
        rasters.load(connection, "elevation", masked)
    with pytest.raises(BadFileError, match=r"name it \.tif"):
        rasters.export(connection, "elevation", tmp_path / "x.csv")


def test_a_raster_beyond_measure_is_refused_before_it_is_read(
    connection: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "huge.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=50_000, height=50_000, count=1, dtype="uint8",
        crs="EPSG:4326", transform=Affine(1e-4, 0, 100, 0, -1e-4, 43), tiled=True, sparse_ok=True,
    ):  # fmt: skip
        pass
    with pytest.raises(BadFileError, match="50000 x 50000 pixels, more than 2000000000"):
        rasters.load(connection, "land_cover", path)
