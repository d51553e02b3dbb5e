"""Undo: the last change of a feature or of a layer is taken back, with all of its set.

An undo is itself a set of changes, which names the set that it undoes; nothing goes of the history.
What was undone is not undone again, and an undo is no last change, so that undoing twice steps
further back. A set is undone whole (an edit and the neighbours that it moved, a post and its
areas), or not at all; only of a load may one feature be undone alone.

A fence that is put back gets a new version, which holds from now (or from when it was to hold, if
that lies ahead): what happened until now stays judged by what held then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from layers import versions
from layers.errors import (
    BadFeatureError,
    CannotUndoError,
    NoSuchFeatureError,
    NothingToUndoError,
    StaleFeatureError,
)  # fmt: skip
from layers.places import reversal, turns
from layers.places.history import COUNTED, STEPS, How
from layers.places.reading import etag, feature
from layers.places.registry import Layer, layer

_LAST_OF_FEATURE = """
SELECT s.set_no, s.how FROM standing_changes c JOIN change_sets s USING (set_no)
WHERE c.layer = :layer AND c.feature = :feature ORDER BY c.set_no DESC LIMIT 1
"""
_LAST_OF_LAYER = """
SELECT s.set_no, s.how FROM change_sets s
WHERE s.how <> 'undo'
  AND EXISTS (SELECT FROM change_steps t WHERE t.set_no = s.set_no AND t.layer = :layer)
  AND NOT EXISTS (
      SELECT FROM change_sets u WHERE u.undoes = s.set_no AND u.undoes_feature IS NULL)
  AND (s.how <> 'load' OR EXISTS (
      SELECT FROM standing_changes c WHERE c.set_no = s.set_no AND c.layer = :layer))
ORDER BY s.set_no DESC LIMIT 1
"""
_BEGIN = """
SELECT set_config('patrolgrid.change_set', '', true), set_config('patrolgrid.act', :act, true),
    set_config('patrolgrid.undoes', :undoes, true),
    set_config('patrolgrid.undoes_layer', :layer, true),
    set_config('patrolgrid.undoes_feature', :feature, true)
"""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """How many features of a layer an undo touched, by what became of them."""

    created: int
    changed: int
    deleted: int


@dataclass(frozen=True, kw_only=True)
class Undone:
    """What an undo did."""

    set_no: int  #: its own
    undoes: int  #: the set that it took back
    how: How  #: how that had come about
    layers: Mapping[str, Rows]
    also_changed: tuple[str, ...] = ()  #: other features of the feature's layer, by id


@dataclass(frozen=True, kw_only=True)
class _Aim:
    """The set to undo."""

    set_no: int
    how: How


def undo_feature(
    connection: Connection,
    name: str,
    feature_id: str,
    *,
    levels: Sequence[str] = (),
    tags: frozenset[str] | None = None,
) -> Undone:
    """Take back the last change of a feature, with the rest of its set unless that was a load.

    ``tags``: ETags of which the feature must have one, as If-Match gives them. Raises
    NoSuchLayerError, NoSuchFeatureError for an id that never was, NothingToUndoError,
    StaleFeatureError, and CannotUndoError or InUseError for what stands against it; nothing is
    changed then.
    """
    of = layer(name)
    seen = _last(connection, _LAST_OF_FEATURE, of, feature_id)
    _take_turns(connection, of, seen)
    aim = _last(connection, _LAST_OF_FEATURE, of, feature_id)
    where = f"{of.name} {feature_id!r}"
    _check_state(connection, of, feature_id, tags)
    _check_unchanged(seen, aim, where)
    if aim is None:
        raise NothingToUndoError(f"{where}: there is no change that could be undone")
    only = (of.name, feature_id) if aim.how == "load" else None
    return _undo(connection, aim, where, levels, only, beside=(of.name, feature_id))


def undo_layer(
    connection: Connection,
    name: str,
    *,
    levels: Sequence[str] = (),
    data_versions: frozenset[str] | None = None,
) -> Undone:
    """Take back the last set of changes of a layer as a whole, a load too.

    What was undone of it feature by feature stays undone. ``data_versions``: those of which the
    layer must have one (``*`` is any). Raises NoSuchLayerError, NothingToUndoError,
    StaleFeatureError, and CannotUndoError or InUseError for what stands against it; nothing is
    changed then.
    """
    of = layer(name)
    seen = _last(connection, _LAST_OF_LAYER, of)
    _take_turns(connection, of, seen)
    aim = _last(connection, _LAST_OF_LAYER, of)
    now = versions.read(connection, [of.name]).data_version
    if data_versions is not None and data_versions.isdisjoint({"*", now}):
        raise StaleFeatureError(f"{of.name} was changed meanwhile: GET it again")
    _check_unchanged(seen, aim, of.name)
    if aim is None:
        raise NothingToUndoError(f"{of.name}: there is no change that could be undone")
    return _undo(connection, aim, of.name, levels)


def _last(
    connection: Connection, query: str, of: Layer, feature_id: str | None = None
) -> _Aim | None:
    if feature_id is not None and "\0" in feature_id:
        return None
    row = connection.execute(text(query), {"layer": of.name, "feature": feature_id}).one_or_none()
    return None if row is None else _Aim(set_no=row.set_no, how=row.how)


def _take_turns(connection: Connection, of: Layer, aim: _Aim | None) -> None:
    """Wait until nobody else writes the layers that the set is of."""
    touched = connection.execute(
        text("SELECT DISTINCT layer FROM change_steps WHERE set_no = :set"),
        {"set": None if aim is None else aim.set_no},
    )
    turns.take(connection, of.name, *touched.scalars())


def _check_unchanged(seen: _Aim | None, aim: _Aim | None, where: str) -> None:
    """Of two who undo the same at once, one does: the other would undo what it never saw."""
    if seen != aim:
        raise CannotUndoError(f"{where}: it was changed meanwhile: look at its history again")


def _check_state(
    connection: Connection, of: Layer, feature_id: str, tags: frozenset[str] | None
) -> None:
    try:
        found = feature(connection, of.name, feature_id, lock=True)
    except NoSuchFeatureError:
        found = None
    if tags is not None and (found is None or tags.isdisjoint({"*", etag(found)})):
        raise StaleFeatureError(f"{of.name} {feature_id!r} was changed meanwhile: GET it again")
    if found is None and not _was(connection, of, feature_id):
        raise NoSuchFeatureError(f"{of.name}: there is and was no feature {feature_id!r}")


def _was(connection: Connection, of: Layer, feature_id: str) -> bool:
    given = {"layer": of.name, "feature": feature_id.partition("\0")[0]}
    query = "SELECT FROM changes WHERE layer = :layer AND feature = :feature LIMIT 1"
    return "\0" not in feature_id and connection.execute(text(query), given).first() is not None


@contextmanager
def _as_undo(connection: Connection, aim: _Aim, only: tuple[str, str] | None) -> Iterator[int]:
    """A set of its own that says what it undoes; its number."""
    layer_name, feature_id = only or ("", "")
    given = {"undoes": str(aim.set_no), "layer": layer_name, "feature": feature_id}
    connection.execute(text(_BEGIN), {**given, "act": "undo"})
    yield connection.execute(text("SELECT change_set()")).scalar_one()
    connection.execute(text(_BEGIN), {**dict.fromkeys(("act", "undoes", "layer", "feature"), "")})


def _undo(
    connection: Connection,
    aim: _Aim,
    where: str,
    levels: Sequence[str],
    only: tuple[str, str] | None = None,
    beside: tuple[str, str] | None = None,
) -> Undone:
    try:
        with connection.begin_nested():
            reversal.stage(connection, aim.set_no, where, only)
            with _as_undo(connection, aim, only) as number:
                reversal.put_back(connection)
                reversal.take_out(connection, where)
            also = reversal.others(connection, *beside) if beside else ()
            reversal.check(connection, levels)
            return Undone(
                set_no=number, undoes=aim.set_no, how=aim.how,
                layers=_rows(connection, number), also_changed=also,
            )  # fmt: skip
    except BadFeatureError as error:
        raise CannotUndoError(f"{where}: the last change cannot be undone: {error}") from error
    except IntegrityError as error:
        rule = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
        raise CannotUndoError(
            f"{where}: the last change cannot be undone: the database refuses it"
            f" ({rule or 'a constraint'})"
        ) from error


def _rows(connection: Connection, set_no: int) -> dict[str, Rows]:
    rows = connection.execute(
        text(
            f"SELECT t.layer, n.created, n.changed, n.deleted FROM (SELECT {STEPS}"
            " FROM change_steps WHERE set_no = :set GROUP BY layer, set_no) t"
            f" CROSS JOIN {COUNTED} ORDER BY t.layer"
        ),
        {"set": set_no},
    )
    return {
        row.layer: Rows(created=row.created, changed=row.changed, deleted=row.deleted)
        for row in rows
    }
