"""Coverage of the stored grids by the stored fixes, over a window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from sqlalchemy import Connection

from geo.coverage.figures import figures, totals
from geo.coverage.rows import Floats, Ints
from geo.coverage.swept import Swept
from geo.coverage.tally import Tally, named
from geo.coverage.walk import Pieces
from layers.coverage import keeping
from layers.coverage.gathering import Gathered, in_parts
from layers.coverage.grounds import Grounds
from layers.coverage.memberships import Memberships
from layers.coverage.question import Part, Question
from layers.coverage.reached import Done, unheard
from layers.coverage.survey import Survey
from layers.coverage.units import Units
from layers.fixes.plain import micros
from layers.places import hierarchy
from layers.region import Region

_SHOWN = ("name", "name_zh", "name_mn", "name_en", "level", "parent", "kind", "area_m2", "geometry")


Swath = Literal["kept", "computed"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Every grid of a level with its figures, visited or not, and the totals."""

    grids: gpd.GeoDataFrame  #: index id; name, level, parent, geometry and the figures
    rest: pd.DataFrame  #: of those that others lie in: what is in none of these
    totals: dict[str, float]
    parts: Mapping[str, pd.DataFrame] = field(default_factory=dict)  #: the figures, part by part
    swept: Swath = "kept"  #: whether ground swept by that swath is kept up, or computed


def measure(
    connection: Connection,
    region: Region,
    *,
    start: datetime,
    end: datetime,
    level: str,
    swath_m: float | None = None,
    by: Part | None = None,
) -> Measured:
    """Coverage of the grids of ``level`` from ``start`` to ``end``; RegionError for no level.

    ``swath_m``: full width that all units are taken to see; None: each kind has its own. ``by``:
    the same part by part, too.
    """
    asked = Question(start=start, end=end, level=level, swath_m=swath_m, by=by)
    return answer(connection, region, asked)


def answer(
    connection: Connection, region: Region, question: Question, done: Done = unheard
) -> Measured:
    """Coverage as it is asked for, and ``done`` hears how far it has come; RegionError for no
    level."""
    (found,) = answers(connection, region, question, [question.start, question.end], done)
    return found


def answers(
    connection: Connection, region: Region, question: Question, edges: Sequence[datetime],
    done: Done = unheard,
) -> Iterator[Measured]:  # fmt: skip
    """The same for each part of the window, one after another, between ``edges`` (ascending, the
    window's ends the first and the last)."""
    hierarchy.check_level(connection, question.level, region.level_names)
    grounds = Grounds.read(connection)
    label = keeping.label_of(region, question)
    survey = Survey(
        grounds=grounds, units=Units.read(connection), zone=region.timezone,
        start_us=micros(question.start), end_us=micros(question.end), level=question.level,
        swaths_m=question.swaths_m(region), by=question.by, label=label or "",
        memberships=Memberships.read(connection) if question.by == "team" else None,
    )  # fmt: skip
    basis = None if label is None else keeping.basis(region, grounds)
    swath: Swath = "computed" if label is None else "kept"
    shown = grounds.of_level(question.level)[list(_SHOWN)]
    edges_us = np.array([micros(edge) for edge in edges])
    measured = partial(_measured, region=region, question=question, shown=shown, swath=swath)
    # Nothing holds what was gathered of a part while the next is.
    yield from map(measured, in_parts(connection, survey, edges_us, basis, done))


def _measured(
    found: Gathered, *, region: Region, question: Question, shown: gpd.GeoDataFrame, swath: Swath
) -> Measured:
    grounds = found.survey.grounds
    pieces, group = named(found.pieces, spare=True), grounds.labels(question.level)
    whole = _figures(found.survey, pieces, group, found.swept)
    return Measured(
        grids=pd.concat([shown, whole], axis=1), rest=_rest(grounds, question.level, pieces),
        totals=totals(pieces, group[pieces["place"]]),
        parts=_parts(found, region, pieces) if question.by else {}, swept=swath,
    )  # fmt: skip


def _figures(
    survey: Survey, pieces: Pieces, group: Ints, swept: Sequence[tuple[tuple[str, object], Swept]]
) -> pd.DataFrame:
    grids = survey.grounds.of_level(survey.level or "")
    tally = Tally(pieces, group[pieces["place"]], len(grids))
    frame = figures(tally, survey.start_us, survey.end_us).set_axis(grids.index)
    share: Floats = np.zeros(len(grids))
    for plots, own in survey.plots:
        found = [one for (_, lattice), one in swept if lattice == plots.lattice]
        share[own] = np.nan_to_num(plots.shares(Swept.union(plots.lattice, found)))
    frame.insert(0, "visited_share", share)
    return frame


def _parts(found: Gathered, region: Region, pieces: Pieces) -> dict[str, pd.DataFrame]:
    """The figures of each part that did anything."""
    survey = found.survey
    words = survey.words(pieces["unit"].astype(np.int64), pieces["start_us"])
    names, code = np.unique(words, return_inverse=True)
    part = np.array([_part(word, survey, region) for word in names] or [""], dtype=object)[code]
    group = survey.grounds.labels(survey.level or "")
    parts = {}
    for word in np.unique(part).tolist():
        swept = [
            (key, one) for key, one in found.swept
            if _part(key[0].removeprefix(survey.label), survey, region) == word
        ]  # fmt: skip
        parts[word] = _figures(survey, pieces[part == word], group, swept)
    return parts


def _part(word: str, survey: Survey, region: Region) -> str:
    """The part that who swept belongs to: of a kind of unit, how it travels."""
    if survey.by != "mode" or word not in region.kinds:
        return word
    return region.kinds[word].mode or word


def _rest(grounds: Grounds, level: str, pieces: Pieces) -> pd.DataFrame:
    """What is of a grid of a level and of none that lies in it."""
    holders, position = grounds.rest(level)
    sums = Tally(pieces, position[pieces["place"]], len(holders)).sums()
    return pd.DataFrame({
        "patrol_s": sums["patrol_us"] / 1e6, "patrol_m": sums["patrol_um"] / 1e6,
        "unknown_s": sums["unknown_us"] / 1e6,
    }, index=holders)  # fmt: skip
