"""From a file to a layer: all rows or none, and a report of what was done to them.

One step after another, each a module: read, place on the earth, shape, parse, identify, fit to
neighbours, write. What is wrong with a row is collected on the way and judged at the end.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from geo import earth
from layers import places
from layers.errors import BadFeatureError, BadFileError
from layers.load import belief, formats, identity, judging, odd_rows, shaping, writing
from layers.load.conventions import Levels
from layers.load.findings import Findings, RefusedRowsError, first_of
from layers.load.plan import Plan
from layers.load.source import Source
from layers.places import shapes
from layers.places.columns import is_missing, shown

if TYPE_CHECKING:
    import geopandas as gpd

#: Told of each step as it begins, and of rows of so many as they are written.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a load did."""

    layer: str
    file: str
    read: int  #: rows of the file
    inserted: int  #: features that are new
    updated: int  #: features that were there and are different now
    unchanged: int  #: features that were there and are the same
    dropped_columns: list[str] = field(default_factory=list)  #: of the file; nothing of them kept
    repaired: list[str] = field(default_factory=list)  #: what was wrong in which row, and mended
    refused: list[str] = field(default_factory=list)  #: which rows were left out, and why
    notes: list[str] = field(default_factory=list)  #: what else one should know
    dry_run: bool = False  #: nothing was stored


def load(
    connection: Connection,
    name: str,
    path: Path | str,
    *,
    mapping: Mapping[str, str] | None = None,
    settings: Mapping[str, object] | None = None,
    crs: str | None = None,
    lowest_level: str = "cell",
    levels: Sequence[str] = (),
    level_titles: Mapping[str, str] | None = None,
    source_layer: str | None = None,
    datum: str | None = None,
    encoding: str | None = None,
    time_zone: str | None = None,
    unknown: Mapping[str, object] | None = None,
    dates: str | None = None,
    skip_bad: bool = False,
    strict: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Load a layer from a file; a feature whose id is there is changed.

    ``mapping`` is our column (also ``id``; in CSV ``lon``, ``lat``, ``wkt``) → the file's;
    ``settings`` is our column → its value in all rows; ``crs`` is that of a file that declares
    none; ``levels`` are those that grids may have, highest first, and ``level_titles``
    what else they are called (title → level); ``source_layer`` picks one of a file's layers;
    ``datum`` (``gcj02``, ``bd09``) is what its coordinates are shifted by; ``encoding`` the code
    page of its texts; ``time_zone`` that of times that name none; ``unknown``
    our column → the value, or a list of those, that means missing; ``dates`` (``day-first``,
    ``month-first``) is how to read 03/01/2026. Columns that are not ours are not read. What can be
    mended is, and reported; ``strict`` refuses it. A row that cannot be stored fails the load;
    ``skip_bad`` leaves it out. ``dry_run`` stores nothing and reports what would be.

    Raises NoSuchLayerError, RefusedRowsError for rows, and BadFileError for the file: what is
    wrong, where, and what to do; nothing is changed then.
    """
    of = places.layer(name)
    of.check_writable()
    plan = Plan.of(
        of, mapping=mapping or {}, settings=settings or {}, crs=crs, source_layer=source_layer,
        datum=datum, encoding=encoding, time_zone=time_zone, unknown=unknown, dates=dates,
    )  # fmt: skip
    # The collector would walk through every geometry over and over, and none is part of a cycle.
    with _uncollected():
        return _load(
            connection, Path(path), plan, lowest_level=lowest_level,
            levels=Levels(words=levels, titles=level_titles or {}),
            skip_bad=skip_bad, strict=strict, dry_run=dry_run, tell=progress or _nobody,
        )  # fmt: skip


def _load(
    connection: Connection,
    file: Path,
    plan: Plan,
    *,
    lowest_level: str,
    levels: Levels,
    skip_bad: bool,
    strict: bool,
    dry_run: bool,
    tell: Progress,
) -> Report:
    tell("reading", 0, 0)
    source = _source(file, plan)
    tell("checking", 0, 0)
    whole: list[str] = []
    if source.row_word == "row":
        columns, whole = identity.whole(plan.layer, source.columns)
        source = replace(source, columns=columns)
    believed = belief.believe(connection, plan, source, levels)
    columns = believed.columns
    own = columns.pop("id", None)
    given = identity.chosen(own, source.feature_ids)
    findings = _findings(source, given)
    identity.note_beside(own, source.feature_ids, findings)
    findings.notes.extend(believed.notes)
    for what in whole:
        findings.repair(None, what)
    task = judging.Task(
        connection=connection, file=file.name, plan=plan, source=source, levels=levels,
        lowest_level=lowest_level, findings=findings,
    )  # fmt: skip
    written = _written(
        task, columns, given, skip_bad=skip_bad, strict=strict, dry_run=dry_run, tell=tell
    )
    return Report(
        layer=plan.layer.name,
        file=file.name,
        read=len(source.geometries),
        inserted=written.inserted,
        updated=written.updated,
        unchanged=written.unchanged,
        dropped_columns=source.dropped + believed.dropped,
        repaired=findings.repaired,
        refused=findings.refused,
        notes=findings.notes,
        dry_run=dry_run,
    )


def _written(
    task: judging.Task,
    columns: dict[str, Sequence[Any]],
    given: Sequence[Any] | None,
    *,
    skip_bad: bool,
    strict: bool,
    dry_run: bool,
    tell: Progress,
) -> places.Written:
    """Judge the rows and store them. Raises RefusedRowsError."""
    findings = task.findings
    rows = writing.Rows(ids=[], columns={}, geometries=task.source.geometries[:0], owner=[])
    try:
        rows = judging.judge(task, columns, given)
        _check(task.file, findings, skip_bad=skip_bad, strict=strict)
        return writing.write(
            task.connection, task.plan.layer, rows, findings,
            levels=task.levels.words, skip_bad=skip_bad, dry_run=dry_run,
            advance=lambda done: tell("writing", done, len(rows.ids)),
        )  # fmt: skip
    except BadFeatureError as error:
        writing.refuse(rows, error, findings)
        # A file that is shifted contradicts what is there: that is the first thing to know.
        perhaps = "".join(f"; {one}" for one in findings.suspicions)
        raise RefusedRowsError(
            f"{task.file}: {error}{perhaps}",
            refused=findings.refused or [str(error)],
            repaired=findings.repaired,
            notes=findings.notes,
        ) from error


def ground(
    connection: Connection,
    path: Path | str,
    *,
    crs: str | None = None,
    source_layer: str | None = None,
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """The polygons of a file, in EPSG:4326 and valid, and what was repaired; nothing is stored.

    Reads what ``load`` reads, as it does. Raises BadFileError.
    """
    import geopandas as gpd  # noqa: PLC0415 - half a second, not for those who load

    file = Path(path)
    plan = Plan.of(
        places.layer("grids"), mapping={}, settings={}, crs=crs, source_layer=source_layer
    )
    source = _source(file, plan)
    findings = _findings(source, identity.chosen(source.columns.get("id"), source.feature_ids))
    region = places.extent(connection)
    shaped = shaping.shape(file.name, plan, source, findings, region)
    found = shaping.hold(connection, file.name, plan, shaped, findings, region, None, None)
    _check(file.name, findings, skip_bad=False, strict=False)
    stored = shapes.spread(plan.layer, found.geometries).geometries
    return gpd.GeoDataFrame(geometry=shapes.multi(stored), crs=earth.LONLAT), findings.repaired


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's collector of cycles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _nobody(_what: str, _done: int, _rows: int) -> None:
    """Tell nobody."""


def _source(file: Path, plan: Plan) -> Source:
    source = formats.of(file).read(file, plan)
    if not len(source.geometries):
        raise BadFileError(f"{file.name}: it has no {source.row_word}s: give a file with some")
    return source


def _findings(source: Source, given: Sequence[Any] | None) -> Findings:
    def where(row: int) -> str:
        feature_id = None if given is None else given[row]
        named = "" if is_missing(feature_id) else f" (id {shown(str(feature_id))})"
        return f"{source.where(row)}{named}"

    findings = Findings(len(source.geometries), where)
    findings.notes.extend(source.notes)
    findings.refuse_all(source.broken)
    findings.refuse_all(odd_rows.totals(source.geometries, source.columns.values()))
    findings.repair_all(source.mended)
    return findings


def _check(file: str, findings: Findings, *, skip_bad: bool, strict: bool) -> None:
    """Raise RefusedRowsError for refused rows, unless they may be left out, and where ``strict``
    for what was repaired."""
    refused, repaired = findings.refused, findings.repaired
    if refused and (not skip_bad or not findings.fine.any()):
        every = f"every row is refused ({len(refused)}), such as " if skip_bad else ""
        left = "; --skip-bad leaves them out, --dry-run lists them" if findings.fine.any() else ""
        raise RefusedRowsError(
            f"{file}: {every}{refused[0] if every else first_of(refused)}"
            f"{left if len(refused) > 1 else ''}",
            refused=refused,
            repaired=repaired,
            notes=findings.notes,
        )
    if strict and repaired:
        raise RefusedRowsError(
            f"{file}: --strict: {first_of(repaired, 'repair')}: mend the file, or load it"
            " without --strict",
            refused=refused,
            repaired=repaired,
            notes=findings.notes,
        )
