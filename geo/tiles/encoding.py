"""One layer of one tile: what was chosen, clipped and generalised, as bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo import earth
from geo.tiles import choosing, messages, rings, validity
from geo.tiles.cutting import cut
from geo.tiles.fields import Fields, message, varint
from geo.tiles.shapes import LINE, POINT, POLYGON, Shapes

#: Units of a tile's side, and of the margin that is drawn beyond it.
EXTENT, MARGIN = 4096, 64
#: Bytes of lines that share out pixels, above which groups are no longer drawn apart.
_MOST = 200_000


#: Bytes of a feature beside its values and commands.
_FEATURE = 17
#: What a feature says that stands for others, too: for how many, itself among them.
MERGED = "merged"
#: With fewer features a layer, or a part of one, needs no share of a tile's bytes kept for it.
MANY = 1_000


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some features of a layer, and those of them that meet the tile."""

    shapes: Shapes
    fields: Fields  #: of the same features
    found: NDArray[np.int64]  #: their numbers, ascending
    group: NDArray[np.int32] | None = None  #: (n) what is drawn apart, such as levels


def wide_bounds(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """The tile with its margin, in Web Mercator metres: what meets it belongs into the tile."""
    west, south, east, north = earth.tile_bounds_3857(z, x, y)
    margin_m = (east - west) * MARGIN / EXTENT
    return west - margin_m, south - margin_m, east + margin_m, north + margin_m


def encode(
    name: str, parts: Sequence[Part], z: int, x: int, y: int, *, share: float = 1.0
) -> bytes:
    """The layer ``name`` of a tile (a field of the tile's message); no bytes where nothing is.

    All parts have the same fields. ``share`` is how much of a tile's bytes the layer may take,
    below zoom 10, where there are others. Raises OutOfRangeError for a tile that is not of this
    world.
    """
    west, _, east, north = earth.tile_bounds_3857(z, x, y)
    units_per_m = EXTENT / (east - west)
    crowded = max(1, sum(len(part.found) > MANY for part in parts))
    room = share * choosing.room_of(z) / crowded
    drawn = [
        (part, piece) for part in parts for piece in _drawn(part, z, west, north, units_per_m, room)
    ]
    numbers = np.unique(np.concatenate([np.ones(1, np.int64), *(one.stands for _, one in drawn)]))
    numbers = numbers[numbers > 1]
    values, bodies = [message(int(number)) for number in numbers], []
    features, count = 0, len(values)
    for part, piece in drawn:
        of = part.fields
        merged = np.where(piece.stands > 1, np.searchsorted(numbers, piece.stands), -1)
        with of.places() as places:
            body, new, there, more = messages.features(
                piece.chosen, part.shapes.kind, of.numbers, of.codes, merged, piece.commands,
                piece.ends, of.first_byte, of.messages, count, places,
            )  # fmt: skip
        bodies.append(body.tobytes())
        values.append(new.tobytes())
        features += there
        count += more
    if not features:
        return b""
    title = name.encode()
    keys = b"".join(
        b"\x1a" + varint(len(key)) + key
        for key in (
            field.encode() for field in (*parts[0].fields.names, *[MERGED] * (len(numbers) > 0))
        )
    )
    layer = b"".join(
        [b"\x78\x02\x0a", varint(len(title)), title, *bodies, keys, *values,
         b"\x28", varint(EXTENT)]
    )  # fmt: skip
    return b"\x1a" + varint(len(layer)) + layer


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    chosen: NDArray[np.int64]
    stands: NDArray[np.int64]  #: for how many features each stands
    commands: NDArray[np.uint8]
    ends: NDArray[np.int64]


def _drawn(
    part: Part, z: int, west: float, north: float, units_per_m: float, room: float
) -> list[_Drawn]:
    """What is drawn together first, so that larger features lie on it."""
    shapes = part.shapes
    tag_bytes = _tag_bytes(part)
    choice = choosing.choose(shapes, part.found, z, units_per_m, tag_bytes, room)
    commands, ends, doubtful = cut(
        choice.single, shapes.kind, shapes.first_piece, shapes.first_xy, shapes.hole, shapes.xy,
        shapes.bounds, west, north, units_per_m, -float(MARGIN), float(EXTENT + MARGIN),
        choice.step, float(rings.LONG) if z >= choosing.WHOLE_ZOOM else math.inf,
    )  # fmt: skip
    commands, ends = validity.mended(commands, ends, doubtful, choice.step)
    feature_bytes = tag_bytes + _FEATURE
    room -= len(commands) + len(choice.single) * feature_bytes

    def shared(of: NDArray[np.int64], most_bytes: float) -> _Drawn:
        (chosen, made, stops), stands = choosing.shared_out(
            shapes, of, z, west, north, units_per_m, most_bytes, feature_bytes
        )
        return _Drawn(chosen=chosen, stands=stands, commands=made, ends=stops)

    drawn = []
    for kind in (POLYGON, LINE, POINT):
        together = choice.together[shapes.kind[choice.together] == kind]
        groups = _grouped(part, together)
        if kind == POLYGON or len(groups) < 2:
            drawn += [shared(one, room / len(groups)) for one in groups]
        else:
            bounded = room if choosing.is_bounded(z) else math.inf
            drawn += _apart(groups, shared, bounded, feature_bytes) or [shared(together, room)]
    single = _Drawn(chosen=choice.single, stands=choice.stands, commands=commands, ends=ends)
    return [*drawn, single]


def _apart(
    groups: list[NDArray[np.int64]],
    shared: Callable[[NDArray[np.int64], float], _Drawn],
    room: float,
    feature_bytes: float,
) -> list[_Drawn]:
    """Lines, or points, of each group by themselves if there is room for that; else none."""
    each = [shared(one, math.inf) for one in groups]
    used = [len(one.commands) for one in each]
    left = room - sum(used)
    if sum(used) > _MOST:
        return []
    if sum(len(one.chosen) for one in each) * feature_bytes <= left:
        return each
    # With fewer names: what then has longer dashes takes no more for them.
    for_names = left / len(each)
    if for_names < choosing.FEWEST * feature_bytes:
        return []
    return [shared(one, taken + for_names) for one, taken in zip(groups, used, strict=True)]


def _grouped(part: Part, together: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    if not len(together):
        return []
    if part.group is None:
        return [together]
    group = part.group[together]
    return [together[group == one] for one in np.unique(group)]


def _tag_bytes(part: Part) -> float:
    """About what the values of one feature take."""
    fields = part.fields
    if not len(fields.codes):
        return 0.0
    return len(fields.messages) / len(fields.codes) + 3 * len(fields.names)
