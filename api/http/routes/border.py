"""Coverage of the border: what of each stretch of it was seen."""

from __future__ import annotations

from typing import Annotated

import geopandas as gpd
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.http import schemas, tables
from api.http.answers import (
    Between,
    GeoJson,
    answer,
    collection,
    last_days,
    rfc3339,
    right_of,
)
from api.http.context import Parts, Reading, Who
from api.http.identity import Guarded, needs
from api.http.routes.coverage import DEFAULT_DAYS, Swath, features, missing
from layers import coverage, versions
from layers.coverage.border import Border

router = APIRouter(route_class=Guarded, tags=["coverage"])


@router.get(
    "/api/coverage/border",
    response_class=GeoJson,
    responses=tables.responses(schemas.coverage.BORDER),
)
@needs("read")
def get_border(
    request: Request,
    service: Parts,
    principal: Who,
    connection: Reading,
    window: Between,
    segment_m: Annotated[
        float, Query(ge=100, le=1_000_000, allow_inf_nan=False, description="length of a stretch")
    ] = 10_000,
    swath_m: Swath = None,
    f: tables.F = None,
) -> Response:
    """What of each stretch of the border was seen over a window (default: the last 7 days).

    One swath is taken for all kinds of unit alike: without `swath_m`, the region's.

    As CSV (which has no geometry) or GeoParquet a row is a stretch.
    """
    of = tables.asked(request, f)
    start, end = last_days(window, DEFAULT_DAYS)
    swath = swath_m or service.region.swath_m
    version = versions.read(connection, coverage.BORDER_READS)
    found: Border = service.kept.get(
        ("border", right_of(principal), version.data_version, start, end, segment_m, swath),
        lambda: coverage.measure_border(
            connection, start=start, end=end, segment_m=segment_m, swath_m=swath
        ),
    )
    if of is not None:
        return tables.answered(request, of, found.stretches, "border", version)
    lines = found.lines
    length_km = (lines["chainage_end_km"] - lines["chainage_start_km"]).to_numpy()
    totals = {
        "length_km": float(length_km.sum()),
        "visited_km": float((lines["visited_share"].to_numpy() * length_km).sum()),
        "longest_unseen_km": float(lines["longest_unseen_m"].max() / 1000) if len(lines) else 0.0,
    }
    payload = collection(
        features(found.stretches), segment_m=segment_m, swath_m=swath, totals=totals,
        longest_unseen=_longest_unseen(lines),
        **{"from": rfc3339(start), "to": rfc3339(end)},
        **missing(connection, start),
    )  # fmt: skip
    return tables.of_json(answer(request, payload, version))


def _longest_unseen(lines: gpd.GeoDataFrame) -> dict[str, object] | None:
    """Where nobody looked for the longest way; None where every metre was seen."""
    unseen = lines[lines["longest_unseen_m"] > 0]
    if unseen.empty:
        return None
    row = unseen.loc[unseen["longest_unseen_m"].idxmax()]
    begins_km = float(row["longest_unseen_start_km"])
    return {
        "border": row["border"], "chainage_start_km": begins_km,
        "chainage_end_km": begins_km + float(row["longest_unseen_m"]) / 1000,
    }  # fmt: skip
