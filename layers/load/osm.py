"""Roads of an OpenStreetMap extract (.osm.pbf): ways with ``highway`` that can be travelled."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio

from layers.errors import BadFileError
from layers.load.plan import Plan
from layers.load.source import LONLAT, Source, from_wkb, named
from layers.places.registry import ONEWAY

#: Values of ``highway`` that are no road, or not yet, or no longer.
_NO_ROAD = {
    "abandoned", "bus_stop", "construction", "corridor", "demolished", "disused", "elevator",
    "emergency_bay", "no", "planned", "platform", "proposed", "raceway", "razed", "rest_area",
    "services",
}  # fmt: skip
_WHY_NOT = "planned, being built, or no road"
#: Ways of these kinds run one way where their tags do not say.
_IMPLIED_ONEWAY = {"roundabout", "circular"}
_TAG = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')
_SPEED = re.compile(r"(\d+(?:\.\d+)?)\s*(km/h|kmh|kph|mph|knots)?")
_KMH = {"mph": 1.609344, "knots": 1.852}
_MOST_HEADER_BYTES = 64 * 1024  # by the format
#: The last field of a block's header: tag 0x18 and a varint.
_DATA_SIZE = re.compile(rb"\x18([\x80-\xff]*[\x00-\x7f])$", re.DOTALL)
_NAMES = ("id", "name", "name_zh", "name_mn", "name_en", "class", "surface", "oneway",
          "speed_kmh", "bridge", "tunnel")  # fmt: skip


def read(path: Path, plan: Plan) -> Source:
    """The roads of an extract, ids ``way/NUMBER``; access rights are not kept. BadFileError."""
    if plan.layer.name != "roads":
        raise BadFileError(f"{path.name}: an OpenStreetMap extract loads as roads only")
    choice = plan.choose(path, _NAMES)
    _check_whole(path)
    try:
        meta, table = pyogrio.raw.read_arrow(
            path,
            layer="lines",
            columns=["osm_id", "name", "highway", "other_tags"],
            where="highway IS NOT NULL",
        )
    except (OSError, RuntimeError, ValueError, pa.ArrowException) as error:
        said = str(error).splitlines()[0].split(";")[0].replace(f"'{path}'", "it")[:120]
        raise BadFileError(f"{path.name}: it cannot be read ({said}): fetch it again") from error
    ways = table.select(["osm_id", "name", "highway", "other_tags"]).to_pylist()
    wkb = table.column(meta["geometry_name"] or "wkb_geometry").to_pylist()
    kept = [n for n, way in enumerate(ways) if way["highway"] not in _NO_ROAD]
    roads = [_road(ways[n]) for n in kept]
    shapes = from_wkb([wkb[n] for n in kept])
    columns: dict[str, Any] = {name: [road[name] for road in roads] for name in _NAMES}
    left = len(ways) - len(kept)
    return Source(
        geometries=shapes.found,
        columns=named(choice, columns),
        crs=LONLAT,
        dropped=["all other tags"],
        row_word="way",
        mended=shapes.mended,
        broken=shapes.broken,
        notes=[f"left out {left} of {len(ways)} ways: {_WHY_NOT}"] if left else [],
    )


def _check_whole(path: Path) -> None:
    """Raise BadFileError for a file that ends within a block: GDAL would say nothing.

    A block is the length of its header, the header (field 3: the length of what follows), and
    that. See https://wiki.openstreetmap.org/wiki/PBF_Format.
    """
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            header_bytes = int.from_bytes(file.read(4), "big")
            if header_bytes > _MOST_HEADER_BYTES:
                break
            found = _DATA_SIZE.search(file.read(header_bytes))
            if not found:
                break
            at += 4 + header_bytes + _varint(found[1])
    if at != size:
        raise BadFileError(f"{path.name}: it is not whole, or damaged: fetch it again")


def _varint(digits: bytes) -> int:
    """Base 128, least significant first."""
    return sum((digit & 0x7F) << 7 * n for n, digit in enumerate(digits))


def _road(way: dict[str, Any]) -> dict[str, Any]:
    tags = dict(_TAG.findall(way["other_tags"] or ""))
    return {
        "id": f"way/{way['osm_id']}",
        "name": way["name"],
        **{f"name_{code}": tags.get(f"name:{code}") for code in ("zh", "mn", "en")},
        "class": way["highway"],
        "surface": tags.get("surface"),
        "oneway": _oneway(way["highway"], tags),
        "speed_kmh": _speed_kmh(tags.get("maxspeed")),
        "bridge": tags.get("bridge", "no") != "no",
        "tunnel": tags.get("tunnel", "no") != "no",
    }


def _oneway(highway: str, tags: dict[str, str]) -> str:
    said = tags.get("oneway")
    if said is not None:
        return ONEWAY.get(said.lower(), "no")
    implied = highway == "motorway" or tags.get("junction") in _IMPLIED_ONEWAY
    return "forward" if implied else "no"


def _speed_kmh(said: str | None) -> float | None:
    """The first limit that is a number; words such as ``RO:urban`` or ``none`` say nothing."""
    found = _SPEED.match((said or "").strip())
    if not found:
        return None
    speed_kmh = float(found[1]) * _KMH.get(found[2] or "", 1.0)
    return speed_kmh if 0 < speed_kmh <= 300 else None
