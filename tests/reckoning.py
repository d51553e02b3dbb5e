"""What a service holds in the end, against what it was sent and what follows from that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import httpx
import pandas as pd
import psycopg

from geo.breaches import judge
from geo.tracks import settle

#: Of a breach, all but ids, revisions and history. A place or a number of seconds is compared to
#: less than what its unit is made of.
_WORDS = (
    "unit", "fence_version", "rule", "severity", "direction", "visit", "state", "evidence",
)  # fmt: skip
_TIMES = (
    "entered_at", "entered_earliest", "entered_latest", "exited_at", "exited_earliest",
    "exited_latest",
)  # fmt: skip


def judged(
    fixes: pd.DataFrame, units: pd.DataFrame, fences: gpd.GeoDataFrame, timezone: str
) -> Counter[tuple[object, ...]]:
    """The breaches that follow from the set of fixes."""
    rows = judge(fixes, units, fences, timezone=timezone).to_dict("records")
    return Counter(_comparable(row, row["fence"], (row["lon"], row["lat"])) for row in rows)


def told(client: httpx.Client) -> Counter[tuple[object, ...]]:
    """The current breaches that the service tells of."""
    return Counter(
        _comparable(
            feature["properties"], feature["properties"]["fence_id"],
            feature["geometry"]["coordinates"],
        )
        for feature in listed(client)
    )  # fmt: skip


def listed(client: httpx.Client, **asked: str) -> list[dict[str, Any]]:
    """All breaches, page after page."""
    found: list[dict[str, Any]] = []
    answer = client.get("/api/breaches", params={"limit": "10000", **asked})
    while True:
        answer.raise_for_status()
        page = answer.json()
        found += page["features"]
        after = [link["href"] for link in page.get("links", []) if link["rel"] == "next"]
        if not after:
            return found
        answer = client.get(after[0])


def _comparable(row: dict[str, Any], fence: str, place: Iterable[float]) -> tuple[object, ...]:
    return (
        fence,
        *(None if pd.isna(row[name]) else row[name] for name in _WORDS),
        *(None if pd.isna(row[name]) else pd.Timestamp(row[name]).value for name in _TIMES),
        round(float(row["unknown_s"]), 3),
        *(round(float(degrees), 9) for degrees in place),
    )


def differences(
    got: Counter[tuple[object, ...]], expected: Counter[tuple[object, ...]]
) -> list[str]:
    """What is missing and what is too much, a few of each; empty when they are the same."""
    missing, extra = expected - got, got - expected
    return [
        f"{word} {len(rows)}: {[*rows.items()][:3]}"
        for word, rows in (("missing", missing), ("too much", extra))
        if rows
    ]


def fixes_are_those_sent(connection: psycopg.Connection[Any], sent: pd.DataFrame) -> None:
    """Fails unless each fix that was sent is stored once, or set aside once for a better one."""
    settled = settle(sent)
    stored = connection.execute(
        b"SELECT id, time, lon, lat FROM fixes JOIN units USING (unit_no)"
    ).fetchall()
    aside = connection.execute(b"SELECT unit, time, lon, lat FROM quarantine").fetchall()
    _same(stored, settled.kept, "stored")
    _same(aside, settled.conflicts.drop_duplicates(), "set aside")


def _same(rows: list[tuple[Any, ...]], frame: pd.DataFrame, what: str) -> None:
    got = Counter((unit, time, lon, lat) for unit, time, lon, lat in rows)
    expected = Counter(
        zip(frame["unit"], frame["time"].dt.to_pydatetime(), frame["lon"], frame["lat"],
            strict=True)
    )  # fmt: skip
    assert not differences(got, expected), f"{what}: {differences(got, expected)}"


def units_stand_where_they_were_last(client: httpx.Client, sent: pd.DataFrame) -> None:
    """Fails unless each unit is told to be at its newest fix."""
    kept = settle(sent).kept
    newest = kept.groupby("unit").tail(1).set_index("unit")
    answer = client.get("/api/units", params={"limit": "10000"}).json()["features"]
    got = {f["id"]: f["geometry"] and f["geometry"]["coordinates"] for f in answer}
    assert got == {unit: [row["lon"], row["lat"]] for unit, row in newest.iterrows()}


def events_tell_each_change_once(client: httpx.Client) -> int:
    """Fails unless each revision of each breach has one event, in order; how many there are."""
    events: list[dict[str, Any]] = []
    while page := client.get(
        "/api/events", params={"after": str(events[-1]["id"] if events else 0), "limit": "10000"}
    ).json()["events"]:
        events += page
    ids = [event["id"] for event in events]
    assert ids == sorted(set(ids))
    by_breach: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        by_breach.setdefault(event["data"]["id"], []).append(event)
    stand = {one["id"]: one["properties"] for one in listed(client)}
    gone = {one["id"]: one["properties"] for one in listed(client, state="withdrawn")}
    assert not stand.keys() & gone.keys()
    assert by_breach.keys() == stand.keys() | gone.keys()
    for number, told_of in by_breach.items():
        _is_one_story(number, told_of, {**stand, **gone}[number])
    return len(events)


def _is_one_story(number: str, events: list[dict[str, Any]], now: dict[str, Any]) -> None:
    """One breach: opened once, its revisions 1, 2, 3 …, the last of them as it stands."""
    types = [event["type"].removeprefix("breach.") for event in events]
    revisions = [event["data"]["revision"] for event in events]
    assert revisions == list(range(1, now["revision"] + 1)), f"breach {number}: {revisions}"
    assert types[0] == "opened", f"breach {number}: {types}"
    assert "opened" not in types[1:], f"breach {number}: {types}"
    assert "withdrawn" not in types[:-1], f"breach {number}: {types}"
    assert (types[-1] == "withdrawn") == (now["state"] == "withdrawn"), f"breach {number}: {types}"
    last = events[-1]["data"]
    assert last["state"] == now["state"], f"breach {number}: told as {last['state']}"


def histories_have_no_gaps(connection: psycopg.Connection[Any]) -> None:
    """Fails unless the revisions that are kept of each breach are 1, 2, 3 … up to its own."""
    odd = connection.execute(
        b"SELECT b.id, b.revision, array_agg(r.revision ORDER BY r.revision) FROM breaches b"
        b" LEFT JOIN breach_revisions r ON r.breach = b.id GROUP BY b.id"
        b" HAVING array_agg(r.revision ORDER BY r.revision)"
        b" IS DISTINCT FROM ARRAY(SELECT generate_series(1, b.revision))"
    ).fetchall()
    assert not odd, f"{len(odd)} breaches, such as {odd[:3]}"
