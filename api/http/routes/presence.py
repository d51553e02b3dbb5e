"""Presence: who was inside this polygon between these times, with no fence at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import shapely
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from starlette.responses import Response

from api.http.answers import GeoJson, Moment, answer, collection, feature, point, rfc3339
from api.http.context import Reading
from api.http.errors import ApiError
from api.http.identity import Guarded, needs
from api.http.schemas.words import ref
from layers import versions
from layers.fixes import presence

#: A longer window would keep the others waiting for the boxes of all of its days.
MOST_DAYS = 366

router = APIRouter(route_class=Guarded, tags=["breaches"])


class Question(BaseModel):
    """A polygon and a window of time."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    polygon: Annotated[
        dict[str, Any],
        WithJsonSchema({"anyOf": [ref("Geometry"), ref("FeatureToStore")]}),
    ]
    start: Moment = Field(alias="from")
    end: Moment = Field(alias="to")


@router.post("/api/presence-search", response_class=GeoJson)
@needs("read")
def search(request: Request, connection: Reading, question: Question) -> Response:
    """The stays and passages of units inside a polygon within a window.

    One answer holds 50,000 of them, and walks 20 million fixes: more are refused as too_much.
    """
    if question.start >= question.end:
        raise ApiError(422, "bad_window", "from: it must lie before to")
    if question.end - question.start > timedelta(days=MOST_DAYS):
        raise ApiError(422, "bad_window", f"to: it lies more than {MOST_DAYS} days after from")
    polygon = _polygon(question.polygon)
    found = presence.search(connection, polygon, start=question.start, end=question.end)
    features = [
        feature(f"{row['unit']}@{rfc3339(row['entered_at'])}", point(row["lon"], row["lat"]), row)
        for row in found
    ]
    payload = collection(features, **{"from": rfc3339(question.start), "to": rfc3339(question.end)})
    return answer(request, payload, versions.read(connection, ["fixes", "units"]))


def _polygon(given: dict[str, Any]) -> shapely.Geometry:
    geometry = given.get("geometry", given) if given.get("type") == "Feature" else given
    try:
        polygon = shapely.geometry.shape(geometry)
    except Exception:  # noqa: BLE001  shapely raises many kinds for what is no GeoJSON
        raise ApiError(422, "bad_polygon", "polygon: it is no GeoJSON geometry") from None
    if polygon.geom_type not in {"Polygon", "MultiPolygon"} or polygon.is_empty:
        raise ApiError(422, "bad_polygon", "polygon: give a Polygon or MultiPolygon")
    if shapely.get_num_coordinates(polygon) > 100_000:
        raise ApiError(422, "bad_polygon", "polygon: it has more than 100,000 vertices")
    west, south, east, north = polygon.bounds
    if not (west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise ApiError(422, "bad_polygon", "polygon: its coordinates are not degrees")
    if not polygon.is_valid:
        raise ApiError(
            422, "bad_polygon", f"polygon: it is not valid: {shapely.is_valid_reason(polygon)}"
        )
    return polygon
