"""A source's rows, judged and tidied: shapes beside texts, then what both say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from layers import places
from layers.load import conventions, identity, parse, persons, shaping, writing
from layers.load.conventions import Levels
from layers.load.findings import Findings
from layers.load.plan import Plan
from layers.load.source import Source
from layers.places import shapes
from layers.places.judged import Judged


@dataclass(frozen=True, kw_only=True)
class Task:
    """One load: where it goes, what was read, and what is found."""

    connection: Connection
    file: str
    plan: Plan
    source: Source
    levels: Levels
    lowest_level: str
    findings: Findings


@dataclass(frozen=True, kw_only=True)
class _Looked:
    """Rows of which each was looked at by itself."""

    ids: list[str]
    columns: Mapping[str, Sequence[Any]]
    shaped: shaping.Shaped
    region: places.Bounds | None  #: where all that is loaded lies


def judge(
    task: Task, columns: dict[str, Sequence[Any]], given: Sequence[Any] | None
) -> writing.Rows:
    """The rows as they are to be stored; none where all are refused.

    ``columns`` are the source's but for its ids, which are ``given``, if it has any. Raises
    BadFeatureError, BadFileError.
    """
    findings = task.findings
    looked = _look(task, columns, given)
    judged = shaping.hold(
        task.connection, task.file, task.plan, looked.shaped, findings, looked.region,
        None if given is None else looked.ids, looked.columns.get("name"),
    )  # fmt: skip
    found = judged.geometries
    identity.check_unique(looked.ids, found, looked.columns, findings)
    identity.note_twins(looked.ids, found, looked.columns, findings)
    if not findings.fine.any():
        return writing.Rows(ids=[], columns={}, geometries=found[:0], owner=[])
    rows = _fine(task, looked, judged)
    return writing.settle(
        task.connection, task.plan, task.source.row_word, findings, task.lowest_level, rows
    )


def _look(task: Task, columns: dict[str, Sequence[Any]], given: Sequence[Any] | None) -> _Looked:
    """Each row by itself: shapes in a thread, as machine code and GEOS let go of the
    interpreter, which the texts need."""
    plan, source, findings = task.plan, task.source, task.findings
    of_shapes = findings.apart()
    region = places.extent(task.connection)
    with ThreadPoolExecutor(1, thread_name_prefix="shapes") as thread:
        looking = thread.submit(shaping.shape, task.file, plan, source, of_shapes, region)
        mended = parse.mend_texts(columns, findings)
        known = parse.without_unknown(plan, mended)
        mended = conventions.tidy(plan.layer, known, task.levels, findings)
        parsed = parse.parse(plan, mended, findings)
        if given is None:
            ids = identity.made(plan.layer, source.geometries, columns)
            findings.note("the file has no ids: made from content; name its own with --map id=…")
        else:
            ids = identity.given(conventions.visible("id", given, findings), findings)
            persons.refuse("id", ids, findings)
        shaped = looking.result()
    findings.take(of_shapes)
    return _Looked(ids=ids, columns=parsed, shaped=shaped, region=region)


def _fine(task: Task, looked: _Looked, judged: Judged) -> writing.Rows:
    """The rows that nothing speaks against; a line in parts has a row and an id for each."""
    kept = task.findings.rows
    count = len(judged.geometries)
    rings = judged.rings if len(kept) == count else None
    stored = shapes.spread(task.plan.layer, judged.geometries[kept], rings)
    owner = kept[stored.owner].tolist()
    if len(owner) == len(kept):
        ids = [looked.ids[row] for row in owner]
    else:
        ids = identity.part_ids(looked.ids, owner)
    identity.check_parts(task.file, ids, owner, task.findings)
    columns = looked.columns
    if len(owner) != count or len(kept) != count:
        columns = {name: [values[row] for row in owner] for name, values in columns.items()}
    return writing.Rows(
        ids=ids, columns=columns, owner=owner, geometries=stored.geometries, rings=stored.rings
    )
