"""The store of fixes: partitions by day, one fix a unit and time, and what is set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sqlalchemy import Connection, text

from geo.tracks.settling import CONFLICT
from layers.db.engine import raw
from layers.fixes.columns import VALUES, kept
from layers.fixes.copying import COLUMNS

_TOLD = ("altitude_m", "battery", "heading_deg", "speed_ms")


@dataclass(frozen=True, kw_only=True)
class Placed:
    """What became of sound fixes at the store."""

    accepted: pd.Index  #: the rows that are stored now
    duplicates: pd.Index
    retold: int  #: duplicates that say more of the same place, and stand now in its stead
    conflicts: pd.DataFrame  #: rows of the batch that a better stored fix outdid; column reason
    quarantined: pd.DataFrame  #: the same and stored fixes that were outdone, to be set aside
    noted: pd.DataFrame  #: what is stored now and was not
    changed: pd.DataFrame  #: of these, those that say where the unit was


def count_strangers(connection: Connection, fixes: int, moment: datetime) -> None:
    """Add to the day's number of refused fixes; neither who nor where is kept."""
    connection.execute(
        text(
            "INSERT INTO strangers AS s (day, fixes) VALUES (:day, :fixes)"
            " ON CONFLICT (day) DO UPDATE SET fixes = s.fixes + excluded.fixes"
        ),
        {"day": moment.astimezone(UTC).date(), "fixes": fixes},
    )


def as_kept(fixes: pd.DataFrame) -> pd.DataFrame:
    """``fixes`` with their numbers as the table holds them."""
    return fixes.assign(**{name: kept(name, fixes[name].to_numpy(float)) for name in VALUES})


def place(
    connection: Connection, fixes: pd.DataFrame, units: pd.DataFrame, moment: datetime
) -> Placed:
    """Store fixes that are one a unit and time; of two at one time the better stays.

    The better has the smaller accuracy_m (missing last), then the smaller (lon, lat): whichever
    came first. Of two that agree in these, as of repeats in a batch, the one with the smaller
    patrol_id and other values is kept. The units must be locked. ``fixes`` are ``as_kept`` and
    keep their index, which conflicts refer to.
    """
    fixes = fixes.assign(
        unit_no=fixes["unit"].map(units["unit_no"]).astype(np.int64),
        received_at=pd.Timestamp(moment),
    )
    numbers = patrol_numbers(connection, sorted({str(p) for p in fixes["patrol_id"].dropna()}))
    fixes["patrol_no"] = fixes["patrol_id"].map(numbers).astype("Int64")
    stored = _stored_at(connection, fixes)
    both = (
        fixes.reset_index()
        .merge(stored, on=["unit_no", "time"], how="left", suffixes=("", "_stored"), indicator=True)
        .set_index("index")
    )
    fresh = both["_merge"] == "left_only"
    same = ~fresh & (_key(both, "") == _key(both, "_stored"))
    better = ~fresh & ~same & (_key(both, "") < _key(both, "_stored"))
    worse = ~fresh & ~same & ~better
    retold = same & (_rest(both, "") < _rest(both, "_stored"))
    _insert(connection, fixes[fresh.to_numpy()])
    _replace(connection, fixes[(better | retold).to_numpy()])
    changed = fixes[(fresh | better).to_numpy()]
    outdone = stored.merge(
        fixes[better.to_numpy()][["unit_no", "time", "unit"]], on=["unit_no", "time"]
    )
    return Placed(
        accepted=changed.index,
        duplicates=fixes.index[same.to_numpy()],
        retold=int(retold.sum()),
        conflicts=pd.DataFrame({"reason": CONFLICT}, index=fixes.index[worse.to_numpy()]),
        quarantined=pd.concat([fixes[worse.to_numpy()], outdone]).assign(reason=CONFLICT),
        noted=fixes[(fresh | better | retold).to_numpy()],
        changed=changed,
    )


def _key(frame: pd.DataFrame, suffix: str) -> pd.Series:
    accuracy = frame[f"accuracy_m{suffix}"].astype(np.float64).fillna(np.inf)
    return pd.Series(
        list(zip(accuracy, frame[f"lon{suffix}"], frame[f"lat{suffix}"], strict=True)),
        index=frame.index,
        dtype=object,
    )


def _rest(frame: pd.DataFrame, suffix: str) -> pd.Series:
    """What decides between repeats, in the order of ``tracks.settle``; missing values last."""
    columns = [frame[f"patrol_id{suffix}"].astype(object), *(frame[f"{n}{suffix}"] for n in _TOLD)]
    cells = [[(pd.isna(v), 0 if pd.isna(v) else v) for v in column] for column in columns]
    return pd.Series(list(zip(*cells, strict=True)), index=frame.index, dtype=object)


def _stored_at(connection: Connection, fixes: pd.DataFrame) -> pd.DataFrame:
    """What is stored at the units and times of ``fixes``."""
    columns = ["unit_no", "time", "lon", "lat", *VALUES, "patrol_id"]
    if fixes.empty:
        return pd.DataFrame({name: fixes.get(name, []) for name in columns})
    rows = connection.execute(
        text(
            "WITH asked AS (SELECT * FROM unnest(CAST(:numbers AS int[]),"
            "  CAST(:times AS timestamptz[])) AS a (unit_no, time))"
            f" SELECT {', '.join('f.' + c for c in columns[:-1])}, p.id AS patrol_id"
            " FROM asked, LATERAL"
            " (SELECT * FROM fixes g WHERE g.unit_no = asked.unit_no AND g.time = asked.time"
            "  OFFSET 0) f LEFT JOIN patrols p USING (patrol_no)"
        ),
        {"numbers": fixes["unit_no"].tolist(), "times": fixes["time"].dt.to_pydatetime().tolist()},
    )
    found = pd.DataFrame(rows.mappings().all(), columns=columns)
    found["time"] = pd.to_datetime(found["time"], utc=True).astype(fixes["time"].dtype)
    # A ``real`` comes as the shortest double that names it, 4.1: only as single is it what came in.
    floats = {**dict.fromkeys(("lon", "lat"), np.float64), **dict.fromkeys(VALUES, np.float32)}
    return found.astype({"unit_no": np.int64, **floats})


def patrol_numbers(connection: Connection, wanted: Sequence[str]) -> dict[str, int]:
    """The number of each patrol; new ones get one."""
    if not wanted:
        return {}
    connection.execute(
        text(
            # In one order, so that batches wait for each other and never deadlock.
            "INSERT INTO patrols (id) SELECT id FROM unnest(CAST(:wanted AS text[])) AS w (id)"
            " EXCEPT SELECT id FROM patrols ORDER BY id ON CONFLICT DO NOTHING"
        ),
        {"wanted": list(wanted)},
    )
    return known_patrols(connection, wanted)


def known_patrols(connection: Connection, wanted: Sequence[str]) -> dict[str, int]:
    """The number of each patrol that has one."""
    if not wanted:
        return {}
    rows = connection.execute(
        text("SELECT id, patrol_no FROM patrols WHERE id = ANY(:wanted)"), {"wanted": list(wanted)}
    )
    return dict(rows.all())


def _insert(connection: Connection, fixes: pd.DataFrame) -> None:
    if fixes.empty:
        return
    rows = fixes[list(COLUMNS)].astype(object)
    rows = rows.where(rows.notna(), None)
    columns = [rows[name].tolist() for name in COLUMNS]
    columns[1] = fixes["time"].dt.to_pydatetime().tolist()
    statement = f"COPY fixes ({', '.join(COLUMNS)}) FROM STDIN"
    with raw(connection).cursor().copy(statement.encode()) as copy:
        for row in zip(*columns, strict=True):
            copy.write_row(row)


def _replace(connection: Connection, fixes: pd.DataFrame) -> None:
    rows = _records(fixes)
    if rows:
        connection.execute(
            text(
                "UPDATE fixes SET lon = :lon, lat = :lat, accuracy_m = :accuracy_m,"
                " speed_ms = :speed_ms, heading_deg = :heading_deg, altitude_m = :altitude_m,"
                " battery = :battery, patrol_no = :patrol_no, received_at = :received_at"
                " WHERE unit_no = :unit_no AND time = :time"
            ),
            rows,
        )


def quarantine(
    connection: Connection, fixes: pd.DataFrame, reasons: pd.Series, moment: datetime
) -> None:
    """Set the fixes that ``reasons`` (by index) names aside, each with its reason."""
    doubted = fixes.loc[reasons.index].assign(reason=reasons)
    quarantine_rows(connection, doubted, moment)


def quarantine_rows(connection: Connection, fixes: pd.DataFrame, moment: datetime) -> None:
    """Set fixes with a column ``reason`` aside; a repeat of the same doubt is one row."""
    names = ("unit", "time", "lon", "lat", *VALUES, "patrol_id", "reason")
    rows = [{**row, "received_at": moment} for row in _records(fixes.reindex(columns=list(names)))]
    if rows:
        connection.execute(
            text(
                f"INSERT INTO quarantine ({', '.join(names)}, received_at) VALUES"
                f" ({', '.join(':' + name for name in names)}, :received_at) ON CONFLICT DO NOTHING"
            ),
            rows,
        )


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Rows as parameters: what is missing is None, times are datetimes."""
    plain = frame.astype(object)
    return [
        {str(k): _parameter(v) for k, v in row.items()}
        for row in plain.where(plain.notna(), None).to_dict("records")
    ]


def _parameter(value: object) -> object:
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.item() if isinstance(value, np.generic) else value
