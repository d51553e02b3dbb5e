"""Where a file's coordinates are: its CRS, and a suspicion that its axes are swapped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.enums import TransformDirection
from pyproj.exceptions import CRSError, ProjError

from geo.datum import Datum, to_wgs84
from geo.earth import geodesic_m
from layers.errors import BadFileError
from layers.load import guess
from layers.load.findings import Findings
from layers.load.source import LONLAT
from layers.places import Bounds
from layers.places.judged import Geometries

#: A region is some hundred kilometres wide; a file that is farther off is of another, or its CRS
#: is another.
FAR_M = 300_000.0
#: What is beside the region, and not just as far away.
BESIDE_M = 50_000.0
_MOST_SWAPPED = 2_000  #: vertices that are tried the other way round
#: Of a CRS's area of use, what counts as in it; of places, what is nearly all of them.
_AROUND_DEG, _NEARLY_ALL = 3.0, 0.9
_ROUGH_M = 5.0
#: Datums some hundred metres from WGS 84 that PROJ takes for it where it knows no better.
_FAR_DATUMS = {"Xian 1980", "Beijing 1954", "New Beijing", "Pulkovo 1942"}
_WRITTEN_TOGETHER = (
    "; it looks like degrees, minutes and seconds written together: write 104°12'30\""
)
Floats = NDArray[np.float64]


def crs_of(name: str, declared: CRS | None, given: str | None, looks: str = "") -> CRS:
    """The CRS that a file is in: what it declares, else what the caller says; ``looks``, what its
    coordinates look like, goes into the message where neither does.

    Raises BadFileError for neither, for both when they differ, and for one nobody knows.
    """
    if given is None:
        if declared is None:
            raise BadFileError(
                f"{name}: it declares no CRS: say which with --crs EPSG:… (EPSG:4326 for"
                f" longitude and latitude in WGS 84){looks}"
            )
        return _of_places(f"{name}: it declares {declared.name}", declared)
    try:
        said = CRS.from_user_input(given)
    except CRSError as error:
        raise BadFileError(f"--crs {given}: there is no such CRS: give EPSG:…") from error
    _of_places(f"--crs {given}: it is {said.name}", said)
    if declared is not None and not declared.equals(said, ignore_axis_order=True):
        raise BadFileError(
            f"{name}: it declares {declared.name}, not {said.name}: --crs is for files that"
            " declare none; leave it out"
        )
    return said


def _of_places(what: str, crs: CRS) -> CRS:
    """``crs``, unless it is of heights or the like. Raises BadFileError that begins ``what``."""
    if crs.is_geographic or crs.is_projected or (crs.is_derived and not crs.is_vertical):
        return crs
    raise BadFileError(
        f"{what}, which is no CRS of places on a map: give one of longitude and latitude, or of a"
        " projection"
    )


def to_degrees(name: str, geometries: Geometries, crs: CRS, findings: Findings) -> Geometries:
    """Geometries in longitude and latitude, WGS 84; rows that the CRS cannot show are refused.

    Raises BadFileError where it can show none of them.
    """
    if crs.equals(LONLAT, ignore_axis_order=True) or crs.to_authority() == ("OGC", "CRS84"):
        return geometries
    box = shapely.bounds(geometries)
    box = box[np.isfinite(box).all(axis=1)]
    if crs.is_projected and len(box) and (np.abs(box) <= (180, 90, 180, 90)).all():
        raise BadFileError(
            f"{name}: its coordinates look like degrees, but {crs.name} is of"
            f" {crs.axis_info[0].unit_name}s: write the file with the CRS that it is in"
        )
    try:
        move = Transformer.from_crs(crs, LONLAT, always_xy=True)
        xy, owner = shapely.get_coordinates(geometries, return_index=True)
        lon, lat = move.transform(xy[:, 0], xy[:, 1])
    except ProjError as error:
        raise BadFileError(
            f"{name}: {crs.name} cannot be turned into longitude and latitude: write the file"
            " in another CRS"
        ) from error
    bad = ~np.isfinite(lon) | ~np.isfinite(lat)
    _check_order(name, crs, xy, np.column_stack([lon, lat]))
    _note_accuracy(crs, move, findings)
    if bad.any() and bad.all():
        raise BadFileError(
            f"{name}: its coordinates lie outside what {crs.name} can show: is it the file's CRS?"
        )
    why = f"has coordinates outside what {crs.name} can show: is it the file's CRS?"
    findings.refuse_all(dict.fromkeys(np.unique(owner[bad]).tolist(), why))
    out = shapely.set_coordinates(geometries.copy(), np.column_stack([lon, lat]))
    return np.asarray(out)


def _check_order(name: str, crs: CRS, xy: Floats, lonlat: Floats) -> None:
    """Raise BadFileError where a projection's axes look swapped: all lies outside where the CRS is
    used, and nearly all within it with northing for easting."""
    if not crs.is_projected or not len(xy) or _share_in_use(crs, lonlat) > 0:
        return
    move = Transformer.from_crs(crs, LONLAT, always_xy=True)
    swapped = np.column_stack(move.transform(xy[:, 1], xy[:, 0]))
    if _share_in_use(crs, swapped) > _NEARLY_ALL:
        raise BadFileError(
            f"{name}: it lies wholly outside where {crs.name} is used, but within when easting and"
            " northing are swapped: write easting first"
        )


def _share_in_use(crs: CRS, lonlat: Floats) -> float:
    """Share (0-1) of places in the CRS's area of use, and around it; 1 where that is not known."""
    use = crs.area_of_use
    if use is None or use.west > use.east:
        return 1.0
    low = (use.west - _AROUND_DEG, use.south - _AROUND_DEG)
    high = (use.east + _AROUND_DEG, use.north + _AROUND_DEG)
    return float(((lonlat >= low) & (lonlat <= high)).all(axis=1).mean())


def looks_like(geometries: Geometries, region: Bounds | None) -> str:
    """What coordinates that are no degrees look like, as ``guess.looks_like`` says it."""
    xy = shapely.get_coordinates(geometries)
    return guess.looks_like(xy, region) if (np.abs(xy) > (180, 90)).any() else ""


def look(
    name: str, geometries: Geometries, region: Bounds | None, crs: CRS, findings: Findings
) -> None:
    """Tell what makes the CRS doubtful. Raises BadFileError where the axes look swapped."""
    check_axes(name, geometries, region, crs)
    note_use(geometries, crs, findings)
    note_far(geometries, region, crs, findings)


def note_use(geometries: Geometries, crs: CRS, findings: Findings) -> None:
    """Tell where hardly anything lies where the CRS is used: it may be the wrong one."""
    if not crs.is_projected:
        return
    xy = shapely.get_coordinates(geometries)
    if len(xy) and _share_in_use(crs, xy) < 1 - _NEARLY_ALL:
        told = f"it lies outside where {crs.name} is used: is that its CRS?"
        findings.notes.append(told)
        findings.suspicions.append(told)


def _note_accuracy(crs: CRS, move: Transformer, findings: Findings) -> None:
    """Tell where a datum can only be turned into WGS 84 roughly."""
    try:
        used = move.get_last_used_operation()
    except ProjError:  # of one operation alone nothing is chosen
        used = move
    # CGCS2000 is WGS 84 to some decimetres.
    datum = "" if crs.datum is None else crs.datum.name
    if used.accuracy is not None and used.accuracy >= _ROUGH_M:
        findings.note(f"{crs.name} is turned into WGS 84 to within {used.accuracy:.0f} m")
    elif "Ballpark" in (used.description or "") and datum in _FAR_DATUMS:
        findings.note(
            f"{crs.name} is taken for WGS 84 as it is, for want of what turns one into the other:"
            " places may be 100 m off"
        )


def unshifted(geometries: Geometries, datum: Datum) -> Geometries:
    """Geometries in degrees of a shifted datum, in WGS 84."""
    xy = shapely.get_coordinates(geometries)
    lon, lat = to_wgs84(xy[:, 0], xy[:, 1], datum)
    return np.asarray(shapely.set_coordinates(geometries.copy(), np.column_stack([lon, lat])))


def explained(
    faults: dict[int, str], geometries: Geometries, region: Bounds | None
) -> dict[int, str]:
    """Faults of rows; of those off the earth also what their coordinates look like."""
    off = [row for row, why in faults.items() if "off the earth" in why]
    # One row that is off among others is a slip, and says nothing of the file.
    if 2 * len(off) <= (~shapely.is_missing(geometries)).sum():
        return faults
    xy = shapely.get_coordinates(geometries[off])
    hint = _WRITTEN_TOGETHER if _is_written_together(xy) else guess.looks_like(xy, region)
    return {row: why + hint if "off the earth" in why else why for row, why in faults.items()}


def _is_written_together(xy: Floats) -> bool:
    """Whether numbers are all DDDMMSS: 1041230 for 104°12'30"."""
    if not len(xy) or not np.isfinite(xy).all():
        return False
    degrees, rest = np.divmod(np.abs(xy), 10_000)
    minutes, seconds = np.divmod(rest, 100)
    fits = (minutes < 60) & (seconds < 60) & (degrees >= 1) & (degrees < (180, 90))
    return bool(fits.all())


def note_same(given: Geometries, moved: Geometries, datum: Datum, findings: Findings) -> None:
    """Tell where undoing a datum changes nothing: it is only used in China and around it."""
    before, after = shapely.get_coordinates(given), shapely.get_coordinates(moved)
    if len(before) and (before == after).all():
        findings.note(
            f"--datum {datum} changed nothing: all of it lies outside China, where nothing is"
            " shifted; leave it out"
        )


def note_far(geometries: Geometries, region: Bounds | None, crs: CRS, findings: Findings) -> None:
    """Tell where the whole file lies far from everything that is loaded."""
    present = geometries[~shapely.is_missing(geometries)]
    if region is None or not len(present):
        return
    apart_m = _apart_m(shapely.total_bounds(present), region)
    if apart_m <= FAR_M:
        return
    swapped = _swapped(present, crs)
    perhaps = ""
    if swapped is not None and _apart_m(swapped, region) <= BESIDE_M:
        perhaps = f"; with {_axes(crs)} swapped it would be beside it"
    told = (
        f"it lies {apart_m / 1000:.0f} km from everything that is loaded{perhaps}: is {crs.name}"
        " its CRS, and is it of this region?"
    )
    findings.notes.append(told)
    if perhaps:
        findings.suspicions.append(told)


def _apart_m(bounds: Sequence[float], region: Bounds) -> float:
    """How far a box lies from the region, which may be nearer across the antimeridian."""
    west, south, east, north = bounds
    ways = [_nearest(west, east, region[0] + turn, region[2] + turn) for turn in (0, -360, 360)]
    lon = min(ways, key=lambda way: abs(way[0] - way[1]))
    lat = _nearest(south, north, region[1], region[3])
    return float(geodesic_m(lon[0], lat[0], lon[1], lat[1]))


def _nearest(low: float, high: float, other_low: float, other_high: float) -> tuple[float, float]:
    """The two numbers of two ranges that are nearest to each other."""
    if high < other_low:
        return high, other_low
    if low > other_high:
        return low, other_high
    return max(low, other_low), max(low, other_low)


def check_axes(name: str, geometries: Geometries, region: Bounds | None, crs: CRS) -> None:
    """Raise BadFileError where the whole file lies outside the region, but swapped within it."""
    present = geometries[~shapely.is_missing(geometries)]
    if region is None or not len(present):
        return
    west, south, east, north = shapely.total_bounds(present)
    apart = west > region[2] or east < region[0] or south > region[3] or north < region[1]
    swapped = _swapped(present, crs) if apart else None
    if swapped is None:
        return
    low, high = swapped[:2], swapped[2:]
    if all(np.greater_equal(low, region[:2])) and all(np.less_equal(high, region[2:])):
        first = "easting" if crs.is_projected else "longitude"
        raise BadFileError(
            f"{name}: it lies wholly outside the region, but within it when {_axes(crs)}"
            f" are swapped: write {first} first"
        )


def _axes(crs: CRS) -> str:
    return "easting and northing" if crs.is_projected else "longitude and latitude"


def _swapped(geometries: Geometries, crs: CRS) -> Bounds | None:
    """The box in degrees of geometries in degrees, had the file its axes the other way round."""
    lonlat = shapely.get_coordinates(geometries)
    some = lonlat[:: max(len(lonlat) // _MOST_SWAPPED, 1)]
    if crs.is_projected:
        try:
            move = Transformer.from_crs(crs, LONLAT, always_xy=True)
            x, y = move.transform(some[:, 0], some[:, 1], direction=TransformDirection.INVERSE)
            some = np.column_stack(move.transform(y, x))
        except ProjError:
            return None
    else:
        some = lonlat[:, ::-1]
    if not np.isfinite(some).all() or (np.abs(some) > (180, 90)).any():
        return None
    return (*some.min(axis=0).tolist(), *some.max(axis=0).tolist())
