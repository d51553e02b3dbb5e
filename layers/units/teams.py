"""Teams: division > brigade > team; they answer for the people, as grids do for the place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from layers import versions
from layers.errors import BadUnitError, InUseError, NoSuchTeamError
from layers.places.columns import is_line

_CIRCLE = """
WITH RECURSIVE up (id, above) AS (
    SELECT id, parent FROM teams WHERE id = ANY(:ids) AND parent IS NOT NULL
    UNION
    SELECT up.id, t.parent FROM up JOIN teams t ON t.id = up.above
    WHERE t.parent IS NOT NULL AND up.above <> up.id
)
SELECT id FROM up WHERE above = id ORDER BY id LIMIT 1
"""

#: The ranks of teams, highest first.
KINDS = ("division", "brigade", "team")


@dataclass(frozen=True, kw_only=True)
class Team:
    """One team; ``people`` is how many belong to it, never who."""

    team: str
    name: str | None = None
    name_zh: str | None = None
    name_mn: str | None = None
    name_en: str | None = None
    kind: str = "team"
    parent: str | None = None
    people: int | None = None


def put(connection: Connection, teams: Sequence[Team]) -> None:
    """Make or change teams, in any order; raises BadUnitError for what cannot stand."""
    for team in teams:
        if team.kind not in KINDS:
            raise BadUnitError(
                f"team {team.team}: kind {team.kind!r} is none of {', '.join(KINDS)}"
            )
        if not team.team or team.parent == team.team:
            raise BadUnitError(
                f"team {team.team!r}: it needs an id, and another team as its parent"
            )
        if not all(is_line(word) for word in asdict(team).values() if isinstance(word, str)):
            raise BadUnitError(f"team {team.team!r}: it holds a control character")
    twice = [name for name, times in Counter(t.team for t in teams).items() if times > 1]
    if twice:
        raise BadUnitError(f"team {twice[0]!r} is there twice: give each once")
    connection.execute(text("SET CONSTRAINTS ALL DEFERRED"))
    try:
        connection.execute(
            text(
                "INSERT INTO teams (id, name, name_zh, name_mn, name_en, kind, parent, people)"
                " VALUES (:team, :name, :name_zh, :name_mn, :name_en, :kind, :parent, :people)"
                " ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_zh = excluded.name_zh,"
                " name_mn = excluded.name_mn, name_en = excluded.name_en, kind = excluded.kind,"
                " parent = excluded.parent, people = excluded.people"
            ),
            [asdict(team) for team in teams],
        )
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    except IntegrityError as error:
        raise BadUnitError(
            f"team {', '.join(t.team for t in teams[:3])}: its parent does not exist, or its "
            "number of people is below 0"
        ) from error
    circle = connection.execute(text(_CIRCLE), {"ids": [t.team for t in teams]}).first()
    if circle:
        raise BadUnitError(f"team {circle[0]!r}: it is its own ancestor: mend its parent")
    versions.bump(connection, "teams")


def teams(connection: Connection, team: str | None = None) -> list[Mapping[str, object]]:
    """The teams, ordered by id, or the one asked for; raises NoSuchTeamError."""
    rows = connection.execute(
        text(
            "SELECT id AS team, name, name_zh, name_mn, name_en, kind, parent, people FROM teams"
            ' WHERE CAST(:team AS text) IS NULL OR id = :team ORDER BY id COLLATE "C"'
        ),
        {"team": team},
    )
    found: list[Mapping[str, object]] = [dict(row) for row in rows.mappings()]
    if team is not None and not found:
        raise NoSuchTeamError(f"{team}: no such team")
    return found


def remove(connection: Connection, team: str) -> None:
    """Delete a team that nothing refers to; raises NoSuchTeamError or InUseError."""
    teams(connection, team)
    try:
        connection.execute(text("DELETE FROM teams WHERE id = :team"), {"team": team})
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    except IntegrityError as error:
        raise InUseError(f"team {team} still has teams or units: move them first") from error
    versions.bump(connection, "teams")
