"""Ids: the file's own, else made from content, so that loading a file again does not double it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely

from layers.errors import BadFeatureError
from layers.places import Layer
from layers.places.columns import is_missing, shown, text_of
from layers.places.editing import MOST_ID_CHARACTERS, has_address
from layers.places.shapes import Geometries, Where


@dataclass(frozen=True, kw_only=True)
class Identified:
    """The id of every row."""

    ids: list[str]
    repeats: list[tuple[int, int]]  #: rows that repeat an earlier one in all, and which
    made: int  #: how many ids were made


def given(values: Sequence[Any], where: Where) -> list[str]:
    """Ids from a column. Raises BadFeatureError for one that is missing or cannot be."""
    found = []
    for row, value in enumerate(values):
        if is_missing(value):
            raise BadFeatureError(f"{where(row)}: it has no id: give every row one, or none")
        try:
            text = text_of(value)
        except (ValueError, OverflowError) as error:
            raise BadFeatureError(f"{where(row)}: its id is {shown(value)}: give a text") from error
        if len(text) > MOST_ID_CHARACTERS:
            raise BadFeatureError(
                f"{where(row)}: its id has more than {MOST_ID_CHARACTERS} letters: shorten it"
            )
        if not has_address(text):
            raise BadFeatureError(
                f"{where(row)}: no URL can name the id {text!r}, which means something else there:"
                " change it"
            )
        found.append(text)
    return found


def made(layer: Layer, geometries: Geometries, columns: Mapping[str, Sequence[Any]]) -> Identified:
    """Ids from each row's geometry and values; a row that repeats another in all gets its id."""
    wkb = shapely.to_wkb(shapely.force_2d(geometries), byte_order=1)
    cells = zip(*columns.values(), strict=True) if columns else [()] * len(wkb)
    seen: dict[str, int] = {}
    ids, repeats = [], []
    for row, (shape, values) in enumerate(zip(wkb, cells, strict=True)):
        content = hashlib.sha256(shape or b"")
        content.update(repr(values).encode())
        ids.append(f"{layer.alias}-{content.hexdigest()[:16]}")
        if seen.setdefault(ids[-1], row) != row:
            repeats.append((row, seen[ids[-1]]))
    return Identified(ids=ids, repeats=repeats, made=len(ids))


def check_unique(ids: Sequence[str], rows: Sequence[int], where: Where) -> None:
    """Raise BadFeatureError where two rows have one id."""
    seen: dict[str, int] = {}
    for feature_id, row in zip(ids, rows, strict=True):
        first = seen.setdefault(feature_id, row)
        if first != row:
            raise BadFeatureError(
                f"{where(row)}: its id is also that of {where(first)}: give each its own"
            )
