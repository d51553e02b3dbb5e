"""GeoPackage, Shapefile, FlatGeobuf, KML, GML, GPX, DXF, MapInfo and file geodatabases, by GDAL."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.parsers import expat

import pyarrow as pa
import pyogrio
from pyproj import CRS

from layers.errors import BadFileError
from layers.load import archive, dbf, mapinfo
from layers.load.plan import Choice, Plan
from layers.load.source import LONLAT, Shapes, Source, declared_crs, from_wkb, named

#: Which of GPX's layers are taken for which geometry.
_GPX = {"Point": ("waypoints",), "LineString": ("tracks", "routes")}
#: GDAL's row number, for a file whose rows have no id of their own: ``--map id=fid``.
_FID = "fid"
#: What GDAL is to call the id that stands in a KML file's <Placemark id="…">; not ``id``, which a
#: column of the file's own may be called.
_PLACEMARK = "(placemark)"
#: So many are parsed while the next are read.
_BATCH_ROWS = 16_384
#: What GDAL warns of and we tell in our own words.
_KNOWN = re.compile("crs|non closed ring", re.IGNORECASE)


def read(path: Path, plan: Plan, member: str | None = None) -> Source:
    """The features of one layer of a vector file, or of the ``member`` of a zip archive.

    Raises BadFileError.
    """
    place, table = _place(path, member)
    codec, told = (None, []) if table is None else dbf.codec_of(path.name, *table, plan.encoding)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            gone = 0 if table is None else dbf.deleted(table[0])
            found = _read(path, place, plan, caught, codec, gone)
            return replace(found, notes=told + found.notes)
        except UnicodeDecodeError as error:
            raise BadFileError(
                f"{path.name}: a text in it is not UTF-8: write it again as UTF-8"
            ) from error
        except (OSError, RuntimeError, ValueError, pa.ArrowException) as error:
            said = _of_gdal(str(error).split(";")[0], place)[:120]
            if "not recognized" in said or "sqlite3_" in said:
                raise BadFileError(
                    f"{path.name}: it is damaged, or no {path.suffix} file: fetch it again"
                ) from error
            raise BadFileError(
                f"{path.name}: it cannot be read ({said}): give the whole file"
            ) from error


def _read(
    path: Path,
    place: str,
    plan: Plan,
    caught: list[warnings.WarningMessage],
    codec: str | None,
    gone: int,
) -> Source:
    """``gone`` is how many rows of a Shapefile's table are marked as deleted."""
    layer = _layer(path, place, plan)
    options = {} if codec is None else {"ENCODING": codec}
    pyogrio.set_gdal_config_options({"LIBKML_ID_FIELD": _PLACEMARK})
    info = pyogrio.read_info(place, layer=layer, force_feature_count=True, **options)
    names = [str(name) for name in info["fields"]]
    beside = _PLACEMARK in names
    if beside:
        names.remove(_PLACEMARK)
    if beside and plan.mapping.get("id") == "id" and "id" not in names:
        plan = replace(plan, mapping={k: v for k, v in plan.mapping.items() if k != "id"})
    with_fid = _FID in plan.mapping.values() and _FID not in names
    choice = plan.choose(path, [*names, _FID] if with_fid else names)
    with pyogrio.raw.open_arrow(
        place,
        layer=layer,
        columns=[name for name in choice.theirs if name in names] + [_PLACEMARK] * beside,
        return_fids=with_fid,
        datetime_as_string=True,
        use_pyarrow=True,
        batch_size=_BATCH_ROWS,
        **options,
    ) as (meta, batches):
        geometry = meta["geometry_name"] or "wkb_geometry"
        shapes, table = _parsed(batches, geometry)
    if info["features"] not in (-1, table.num_rows, table.num_rows + gone):
        raise BadFileError(
            f"{path.name}: it says that it has {info['features']} features but {table.num_rows}"
            " can be read: it is damaged; fetch it again"
        )
    mapinfo.check(path, table.num_rows)
    given = {_FID if with_fid and name == meta["fid_column"] else name: name
             for name in table.column_names}  # fmt: skip
    columns: dict[str, Any] = {
        ours: table.column(theirs).to_pylist() for ours, theirs in given.items() if ours != geometry
    }
    placemarks = columns.pop(_PLACEMARK, None)
    said = sorted({_of_gdal(str(one.message), place) for one in caught})
    left = _left_in_gpx(path, place, plan, layer) + _deleted(gone)
    return Source(
        geometries=shapes.found,
        columns=named(choice, columns),
        crs=_crs(path, meta["crs"], plan),
        dropped=choice.dropped,
        feature_ids=None if _are_made(layer, placemarks, choice) else placemarks,
        mended=shapes.mended,
        broken=shapes.broken,
        guessed=choice.guessed,
        notes=[f"GDAL says: {one}" for one in said if not _KNOWN.search(one)] + left + choice.notes,
    )


def _parsed(batches: pa.RecordBatchReader, geometry: str) -> tuple[Shapes, pa.Table]:
    """All rows of a stream, and their shapes: a thread parses these while GDAL, which lets go of
    the interpreter, reads on."""
    read, shapes = [], []
    with ThreadPoolExecutor(1, thread_name_prefix="wkb") as thread:
        for batch in batches:
            read.append(batch)
            wkb = batch.column(geometry).to_numpy(zero_copy_only=False)
            shapes.append(thread.submit(from_wkb, wkb))
        joined = Shapes.joined([some.result() for some in shapes])
    return joined, pa.Table.from_batches(read, schema=batches.schema)


def _are_made(layer: str, placemarks: Sequence[str | None] | None, choice: Choice) -> bool:
    """Whether the ids of placemarks are missing, or none but GDAL's numbers beside a column of
    ids: these are others after the next sorting."""
    if placemarks is None or not any(placemarks):
        return True
    numbered = all(one == f"{layer}.{n}" for n, one in enumerate(placemarks, start=1))
    return numbered and "id" in choice.columns


def _crs(path: Path, said: object, plan: Plan) -> CRS | None:
    """What the file declares; TopoJSON, which declares none, is of degrees unless told."""
    declared = declared_crs(path, said)
    is_json = path.suffix.lower() in {".topojson", ".json", ".geojson"}
    return LONLAT if declared is None and is_json and plan.crs is None else declared


def _layer(path: Path, place: str, plan: Plan) -> str:
    """The one layer with geometry, the one that was asked for, or the one named as ours."""
    there = [str(name) for name, kind in pyogrio.list_layers(place) if kind is not None]
    if plan.source_layer is not None:
        if plan.source_layer not in there:
            raise BadFileError(
                f"{path.name}: it has no layer {plan.source_layer!r}: there are {', '.join(there)}"
            )
        return plan.source_layer
    if path.suffix.lower() == ".gpx":
        return _of_gpx(path, place, plan)
    if not there:
        raise BadFileError(f"{path.name}: it has no layer with geometry: give a file that has one")
    if len(there) == 1 or plan.layer.name in there:
        return plan.layer.name if plan.layer.name in there else there[0]
    raise BadFileError(
        f"{path.name}: it has several layers ({', '.join(there)}): say which with --layer-name"
    )


def _of_gpx(path: Path, place: str, plan: Plan) -> str:
    """Waypoints, tracks or routes, by what the layer takes; the first that is not empty."""
    fitting = [name for kind in plan.layer.geometries for name in _GPX.get(kind, ())]
    for name in fitting:
        if pyogrio.read_info(place, layer=name, force_feature_count=True)["features"]:
            return name
    wanted = " or ".join(fitting) or "areas"
    raise BadFileError(f"{path.name}: it has no {wanted}, which {plan.layer.name} takes")


def _left_in_gpx(path: Path, place: str, plan: Plan, layer: str) -> list[str]:
    """What of a GPX file was not asked for: routes beside tracks, and what would not fit."""
    if path.suffix.lower() != ".gpx" or plan.source_layer is not None:
        return []
    fitting = [name for kind in plan.layer.geometries for name in _GPX.get(kind, ())]
    left = []
    for name in (one for kind in _GPX.values() for one in kind if one != layer):
        count = pyogrio.read_info(place, layer=name, force_feature_count=True)["features"]
        what = f"{layer} loaded; {count} {name if count > 1 else name[:-1]} left out"
        if count and name in fitting:
            left.append(f"{what}: load {'them' if count > 1 else 'it'} with --layer-name {name}")
        elif count:
            left.append(f"{what}: {plan.layer.name} takes none")
    return left


def _deleted(count: int) -> list[str]:
    """What to tell of rows that whoever wrote a Shapefile's table marked as deleted."""
    if not count:
        return []
    return [f"{count} {'row that was' if count == 1 else 'rows that were'} deleted in it left out"]


def _of_gdal(message: str, place: str) -> str:
    """The first line of what GDAL said, without the path that it was given or made."""
    line = (message.splitlines() or [""])[0]
    stem = place.removesuffix(Path(place).suffix)
    return line.replace(f"'{place}'", "it").replace(stem, Path(place).stem)


#: A Shapefile's table, and what its .cpg says.
Dbf = tuple[bytes, str | None]


def _place(path: Path, member: str | None) -> tuple[str, Dbf | None]:
    """What GDAL is to open; of a Shapefile also its table. Raises BadFileError."""
    suffix = path.suffix.lower()
    if suffix == ".gml":
        _check_xml(path)
    if member is not None:
        is_shapefile = member.lower().endswith(".shp")
        return archive.address(path, member), _packed(path, member) if is_shapefile else None
    if suffix != ".shp":
        return str(path), None
    _check_length(path)
    beside = {one.suffix.lower(): one for one in path.parent.iterdir() if one.stem == path.stem}
    _check_parts(path, path.name, {one.name for one in beside.values()})
    cpg = beside.get(".cpg")
    said = None if cpg is None else cpg.read_text(encoding="latin-1")
    return str(path), (beside[".dbf"].read_bytes(), said)


def _check_xml(path: Path) -> None:
    """Raise BadFileError for XML that ends too soon: of GML GDAL would give what is before that."""
    parser = expat.ParserCreate()
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise BadFileError(f"{path.name}: it is no whole XML ({error}): fetch it again") from error


def _check_length(path: Path) -> None:
    """Raise BadFileError for a .shp that is shorter than it says, in words of 16 bits at byte 24:
    GDAL would give shapes without geometry."""
    with path.open("rb") as file:
        said = 2 * int.from_bytes(file.read(28)[24:28], "big")
    if path.stat().st_size < said:
        raise BadFileError(
            f"{path.name}: it is not whole: it ends before its last shape; fetch it again"
        )


def _check_parts(path: Path, shapefile: str, there: set[str]) -> None:
    """Raise BadFileError where a Shapefile's index or table is not among the files ``there``."""
    stem, known = shapefile[:-4].lower(), {name.lower() for name in there}
    for ending in (".shx", ".dbf"):
        if f"{stem}{ending}" not in known:
            raise BadFileError(f"{path.name}: its {ending} is missing: give the whole file")


def _packed(path: Path, member: str) -> Dbf:
    """The table of a Shapefile in a zip archive. Raises BadFileError."""
    there = archive.names(path)
    _check_parts(path, member, set(there))
    by_name = {name.lower(): name for name in there}
    stem = member[:-4].lower()
    cpg = by_name.get(f"{stem}.cpg")
    with zipfile.ZipFile(path) as opened:
        said = None if cpg is None else opened.read(cpg).decode("latin-1")
        return opened.read(by_name[f"{stem}.dbf"]), said
