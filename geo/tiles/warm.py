"""Compile ahead of the first tile."""

from __future__ import annotations

import numpy as np
import shapely

from geo import earth
from geo.tiles import mosaic, outlines
from geo.tiles.encoding import EXTENT, Part, encode
from geo.tiles.fields import Fields
from geo.tiles.shapes import Shapes

#: Below zoom 7 pixels are drawn exactly, from there on quickly.
_TILE, _QUICK_TILE = (5, 25, 11), (7, 101, 45)


def warm() -> None:
    """Run every compiled function once: a minute on a machine that has never done it, a moment
    where numba's cache has the result. For a start in the background."""
    west, south, east, north = earth.tile_bounds_3857(*_TILE)
    place = shapely.box(west, south, (west + east) / 2, (south + north) / 2)
    unit_m = (east - west) / EXTENT
    # One touches itself once it is rounded, one its hole, and one is thinner than a unit.
    odd = shapely.transform(
        [
            shapely.Polygon([(0, 0), (9, 0), (9, 9), (5, 0.2), (0, 9)]),
            shapely.box(0, 0, 9, 9).difference(shapely.box(0.2, 3, 6, 6)),
            shapely.LineString([(0, 0), (40, 0), (40, 40)]).buffer(0.1),
        ],
        lambda xy: (west, south) + xy * unit_m,
    )
    kinds = [place, place.exterior, place.centroid, *odd]
    ids = [f"{n}" for n in range(len(kinds))]
    part = Part(
        shapes=Shapes.of(np.array(kinds, dtype=object)),
        fields=Fields.of(ids, {"name": ids}),
        found=np.arange(len(kinds)),
    )
    encode("warm", [part], *_TILE)
    for tile in (_TILE, _QUICK_TILE):
        encode("warm", [part], *tile, share=0.0)  # no room: all is drawn together
    owner = np.full((528, 528), -1, dtype=np.int64)
    owner[:9, :9] = 0
    mosaic.blocks(owner, 16, 8)
    mosaic.fewer(owner, 16, 8)
    mosaic.how_many(owner, 1)
    outlines.runs_of(owner, np.zeros((528, 528), dtype=np.uint8), 8)
