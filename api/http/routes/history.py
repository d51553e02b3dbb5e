"""History: what changed when and by which token; and the last change taken back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from api.http import schemas
from api.http.answers import (
    GEOJSON,
    JSON,
    Cursor,
    GeoJsonFeature,
    Limit,
    after_number,
    answer,
    data_versions_of,
    encode,
    next_link,
)  # fmt: skip
from api.http.conditions import IfMatch, Tags, tags_of
from api.http.context import Parts, Reading, Writing
from api.http.identity import needs
from api.http.routes.places import FeatureId, LayerName, OfLayer
from layers import places, versions
from layers.errors import NoSuchFeatureError
from layers.places import history

#: Of any page of the layer or of its history, or of an undo before: all say the layer's version.
IfMatchPage = Annotated[
    Tags | None, Header(description="the ETag of a page of the layer, or of its history")
]

router = APIRouter(route_class=OfLayer, tags=["layers"])


def _told(found: history.Change | history.Summary) -> dict[str, object]:
    """A change or a set in the words of the interface."""
    named = {"set_no": "set", "made_by": "by"}
    return {named.get(name, name): value for name, value in asdict(found).items()}


# Before a layer's own features: no id is `history`.
@router.get("/api/layers/{layer}/history", responses=schemas.answers(schemas.layers.LAYER_HISTORY))
@needs("read")
def layer_history(
    request: Request,
    connection: Reading,
    layer: LayerName,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response:
    """What changed in a layer, newest first: a line a set, which is what one transaction did."""
    kind = places.layer(layer)
    rows = history.of_layer(
        connection, kind.name, limit=limit + 1, before=after_number(cursor) or None
    )
    last = str(rows[limit - 1].set_no) if len(rows) > limit else None
    shown = [_told(row) for row in rows[:limit]]
    payload = {"sets": shown, "numberReturned": len(shown), "links": next_link(request, last)}
    return answer(
        request, payload, versions.read(connection, [kind.name]), media_type=JSON, of_layer=True
    )


@router.get(
    "/api/layers/{layer}/{feature_id:path}/history",
    responses=schemas.answers(schemas.layers.FEATURE_HISTORY),
)
@needs("read")
def feature_history(
    request: Request,
    connection: Reading,
    layer: LayerName,
    feature_id: FeatureId,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Response:
    """What changed of a feature, newest first, with how it was before and after; also of one
    that was deleted."""
    kind = places.layer(layer)
    rows = history.of_feature(
        connection, kind.name, feature_id, limit=limit + 1, before=after_number(cursor) or None
    )
    last = str(rows[limit - 1].set_no) if len(rows) > limit else None
    shown = [_told(row) for row in rows[:limit]]
    payload = {"changes": shown, "numberReturned": len(shown), "links": next_link(request, last)}
    return answer(request, payload, versions.read(connection, [kind.name]), media_type=JSON)


@router.post("/api/layers/{layer}/undo", responses=schemas.answers(schemas.layers.UNDONE))
@needs("admin")
def undo_layer(
    service: Parts, connection: Writing, layer: LayerName, if_match: IfMatchPage = None
) -> Response:
    """Take back the last set of changes of a layer as a whole, be it an edit or a load."""
    kind = places.layer(layer)
    done = places.undo_layer(
        connection, kind.name, levels=service.region.level_names,
        data_versions=None if if_match is None else data_versions_of(tags_of(if_match)),
    )  # fmt: skip
    version = versions.read(connection, [kind.name])
    payload = {
        "set": done.set_no,
        "undoes": done.undoes,
        "how": done.how,
        "layers": {name: asdict(rows) for name, rows in done.layers.items()},
        "data_version": version.data_version,
    }
    tag = f'"{version.data_version}"'
    return Response(encode(payload), headers={"ETag": tag}, media_type=JSON)


@router.post(
    "/api/layers/{layer}/{feature_id:path}/undo",
    response_class=GeoJsonFeature,
    responses={204: {"description": "what was undone is that it was made: it is gone"}},
)
@needs("admin")
def undo_feature(
    service: Parts,
    connection: Writing,
    layer: LayerName,
    feature_id: FeatureId,
    if_match: IfMatch = None,
) -> Response:
    """Take back the last change of a feature: the feature as it was before, or 204 where it was
    not. With an edit goes all that changed with it (of this layer: `also_changed`); of a load only
    this feature."""
    kind = places.layer(layer)
    done = places.undo_feature(
        connection, kind.name, feature_id, levels=service.region.level_names,
        tags=None if if_match is None else tags_of(if_match),
    )  # fmt: skip
    try:
        found = places.feature(connection, kind.name, feature_id)
    except NoSuchFeatureError:
        return Response(status_code=204)
    if done.also_changed:
        found = {**found, "also_changed": done.also_changed}
    return Response(encode(found), headers={"ETag": places.etag(found)}, media_type=GEOJSON)
