"""A file's geometries: into degrees, judged, and held against what is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import shapely
from pyproj import CRS
from sqlalchemy import Connection

from geo import antimeridian
from layers.load import place, strays, suspicion
from layers.load.findings import Findings
from layers.load.plan import Plan
from layers.load.source import Source
from layers.places import Bounds, shapes
from layers.places.judged import Geometries, Judged

#: Rows of one kind that are named; more are counted.
_MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Shaped:
    """A file's geometries in degrees; None in rows that are refused."""

    crs: CRS  #: that they were in
    as_given: Geometries  #: as the file has them, a shift of theirs not undone
    degrees: Geometries  #: before they were judged
    judged: Judged


def shape(
    name: str, plan: Plan, source: Source, findings: Findings, region: Bounds | None
) -> Shaped:
    """The source's geometries, judged. Asks no database, so that a thread may do it while the
    columns are read; what is wrong goes into ``findings``. ``region`` is where all that is loaded
    lies: where no CRS is said, it tells what may be meant.

    Raises BadFileError for what is wrong with all of them.
    """
    present = shapes.judge_present(source.geometries)
    findings.refuse_all(present.faults)
    strays.refuse_nowhere(present.geometries, findings)
    heights = int(shapely.has_z(present.geometries).sum())
    measures = int((shapely.has_m(present.geometries)).sum())
    for count, what in ((heights, "heights (Z)"), (measures, "measures (M)")):
        if count:
            word = source.row_word if count == 1 else f"{source.row_word}s"
            findings.note(f"{what} of {count} {word} are not kept")
    unsaid = source.crs is None and plan.crs is None
    looks = place.looks_like(present.geometries, region) if unsaid else ""
    crs = place.crs_of(name, source.crs, plan.crs, looks)
    degrees = place.to_degrees(name, present.geometries, crs, findings)
    degrees = _cut(degrees, findings)
    degrees[~findings.fine] = None
    as_given = degrees
    if plan.datum is not None:
        degrees = place.unshifted(degrees, plan.datum)
        place.note_same(as_given, degrees, plan.datum, findings)
    judged = shapes.judge(plan.layer, degrees, present=True)
    return Shaped(crs=crs, as_given=as_given, degrees=degrees, judged=judged)


def _cut(degrees: Geometries, findings: Findings) -> Geometries:
    """Geometries within ±180; what crosses the antimeridian is cut there, and told."""
    strays.refuse_beyond(degrees, findings)
    degrees = degrees.copy()
    degrees[~findings.fine] = None
    found = antimeridian.cut(degrees, findings.fine)
    findings.refuse_all(found.faults)
    findings.repair_all(dict.fromkeys(found.cut, "crosses the antimeridian: cut there"))
    if found.turned:
        some = ", ".join(map(findings.where, found.turned[:_MOST_NAMED]))
        more = len(found.turned) - _MOST_NAMED
        behind = f" and {more} more" if more > 0 else ""
        findings.repair(
            None, f"longitudes from 180 to 360 were written as -180 to 0: {some}{behind}"
        )
    return found.geometries


def hold(
    connection: Connection,
    name: str,
    plan: Plan,
    shaped: Shaped,
    findings: Findings,
    region: Bounds | None,
    ids: Sequence[str] | None,
    names: Sequence[str | None] | None,
) -> Judged:
    """What was judged, held against what is loaded: what is doubtful is told, nothing is moved.

    Raises BadFileError where all of it is in the wrong place for certain.
    """
    judged = shaped.judged
    faults = {row: why for row, why in judged.faults.items() if findings.fine[row]}
    findings.refuse_all(place.explained(faults, shaped.degrees, region))
    findings.repair_all(judged.repaired)
    place.look(name, judged.geometries, region, shaped.crs, findings)
    as_given = shaped.as_given.copy()
    as_given[~findings.fine] = None
    strays.tell(judged.geometries, region, findings)
    shifted = suspicion.look(connection, plan.layer, as_given, ids, names, plan.datum)
    findings.suspicions.extend(shifted)
    findings.notes.extend(shifted)
    return judged
