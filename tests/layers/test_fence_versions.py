"""Fence versions: from when an edit holds, and what became of the version that it replaces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from layers import versions
from layers.load import load
from scratch import rolled_back

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
AREA = "ST_GeomFromText('POLYGON((100 40,101 40,101 41,100 41,100 40))', 4326)"


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        yield made


def make(connection: Connection, valid_from: datetime | None) -> None:
    connection.execute(
        text(
            f"INSERT INTO fences (id, rule, valid_from, geom) VALUES ('f', 'keep_out', :t, {AREA})"
        ),
        {"t": valid_from},
    )


def edit(connection: Connection, valid_from: datetime | None, margin_m: float = 0) -> None:
    connection.execute(
        text("UPDATE fences SET valid_from = :t, margin_m = :m WHERE id = 'f'"),
        {"t": valid_from, "m": margin_m},
    )


def told(connection: Connection) -> list[tuple[int, float | str | None, float | str | None]]:
    """Versions that ever hold: number, and from and until which day from NOW; ``now`` for now."""

    def day(moment: datetime | None) -> float | str | None:
        if moment is None:
            return None
        days = (moment - NOW) / DAY
        return "now" if 0 < abs(days) < 0.5 else days

    rows = connection.execute(
        text(
            "SELECT version, valid_from, valid_to FROM fence_versions WHERE fence = 'f'"
            " AND (valid_from < valid_to) IS NOT FALSE ORDER BY version"
        )
    )
    found = [(row.version, day(row.valid_from), day(row.valid_to)) for row in rows]
    shown = connection.execute(text("SELECT version, valid_from FROM fences")).one_or_none()
    if shown is not None and found:
        assert (shown.version, day(shown.valid_from)) == found[-1][:2]
    return found


def test_an_edit_holds_from_now_or_from_the_later_moment_that_it_names(
    connection: Connection,
) -> None:
    make(connection, None)
    assert told(connection) == [(1, None, None)]
    edit(connection, None, margin_m=1)
    assert told(connection) == [(1, None, "now"), (2, "now", None)]
    edit(connection, NOW + 3 * DAY, margin_m=2)
    assert told(connection)[1:] == [(2, "now", 3), (3, 3, None)]


def test_an_edit_in_the_past_holds_from_there_when_the_version_before_had_begun(
    connection: Connection,
) -> None:
    make(connection, NOW - 9 * DAY)
    edit(connection, NOW - 4 * DAY, margin_m=1)
    assert told(connection) == [(1, -9, -4), (2, -4, None)]


@pytest.mark.parametrize("said", [None, NOW + 30 * DAY])
def test_a_version_that_has_not_begun_keeps_its_beginning_when_it_is_edited(
    connection: Connection, said: datetime | None
) -> None:
    make(connection, NOW + 30 * DAY)
    edit(connection, said, margin_m=1)
    assert told(connection) == [(2, 30, None)]


@pytest.mark.parametrize("days", [10, 40])
def test_a_beginning_that_lies_ahead_may_be_moved_either_way(
    connection: Connection, days: int
) -> None:
    make(connection, None)
    edit(connection, NOW + 30 * DAY, margin_m=1)
    edit(connection, NOW + days * DAY, margin_m=1)
    assert told(connection) == [(1, None, days), (3, days, None)]
    connection.execute(text("DELETE FROM fences"))
    assert told(connection) == [(1, None, "now")]


def test_an_earlier_moment_alone_is_no_edit_and_with_another_it_is_one_from_now(
    connection: Connection,
) -> None:
    make(connection, NOW - 5 * DAY)
    edit(connection, NOW - 8 * DAY)
    assert told(connection) == [(1, -5, None)]
    edit(connection, NOW - 8 * DAY, margin_m=1)
    assert told(connection) == [(1, -5, "now"), (2, "now", None)]


def test_a_fence_that_was_deleted_and_comes_back_has_a_hole_in_its_past(
    connection: Connection,
) -> None:
    make(connection, None)
    connection.execute(text("DELETE FROM fences"))
    make(connection, NOW - DAY)
    assert told(connection) == [(1, None, "now"), (2, "now", None)]


def test_a_truncation_ends_what_holds_as_a_deletion_does(engine: Engine) -> None:
    with engine.begin() as connection:
        make(connection, NOW - 5 * DAY)
        edit(connection, NOW + 9 * DAY, margin_m=1)
        connection.execute(text("TRUNCATE fences"))
        assert told(connection) == [(1, -5, "now")]
        make(connection, None)
        assert told(connection) == [(1, -5, "now"), (3, "now", None)]


def test_a_file_loaded_again_after_an_edit_changes_nothing_and_says_so(
    connection: Connection, tmp_path: Path
) -> None:
    ring = [[100, 40], [101, 40], [101, 41], [100, 41], [100, 40]]
    feature = {
        "type": "Feature", "id": "f", "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"rule": "keep_out", "valid_from": "2026-01-01T00:00:00Z"},
    }  # fmt: skip
    file = tmp_path / "fences.geojson"
    for margin_m in (0, 5):
        feature["properties"] = {**feature["properties"], "margin_m": margin_m}
        file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
        load(connection, "fences", file)
    at = versions.read(connection, ["fences"]).data_version
    again = load(connection, "fences", file)
    assert (again.updated, again.unchanged) == (0, 1)
    assert versions.read(connection, ["fences"]).data_version == at
