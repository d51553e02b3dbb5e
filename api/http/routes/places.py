"""The layers: what there is, their features, and changing one."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Body, Path, Query, Request
from starlette.responses import Response

from api.http import description, downloads, schemas
from api.http.answers import (
    GEOJSON,
    JSON,
    VARY,
    Bbox,
    Cursor,
    GeoJson,
    GeoJsonFeature,
    Limit,
    after,
    answer,
    collection,
    encode,
    known_as,
    known_by,
    next_link,
    rfc3339,
)  # fmt: skip
from api.http.conditions import IfMatch, IfNoneMatch, Tags, tags_of
from api.http.context import Parts, Reading, Service, Who, Writing
from api.http.errors import ApiError
from api.http.identity import Guarded, needs
from api.http.paths import FEATURE
from layers import places, versions
from layers.db.engine import Principal, acting
from layers.errors import BadFeatureError, NoSuchFeatureError, StaleFeatureError
from layers.export import FORMATS
from layers.places import hierarchy
from layers.places.editing import MOST_ID_CHARACTERS


class OfLayer(Guarded):
    """A route below a layer: there is one, and it takes changes, before the body is looked at.

    An id that is longer than any is not looked for.
    """

    def look(self, request: Request) -> None:
        """Raise NoSuchLayerError, ReadOnlyLayerError, NoSuchFeatureError."""
        name = request.path_params.get("layer")
        if name is None:
            return
        kind = places.layer(name)
        if request.method not in {"GET", "HEAD"}:
            kind.check_writable()
        feature_id = request.path_params.get("feature_id", "")
        if len(feature_id) > MOST_ID_CHARACTERS:
            raise NoSuchFeatureError(
                f"{kind.name}: there is no feature {feature_id[:60]!r}…: no id has more than"
                f" {MOST_ID_CHARACTERS} letters, and this one has {len(feature_id)}"
            )


router = APIRouter(route_class=OfLayer, tags=["layers"])

LayerName = Annotated[str, Path(description="a layer's name, or its singular")]
FeatureId = Annotated[str, Path(description="the feature's id; it may hold slashes")]

Feature = Annotated[dict[str, Any], Body(description="a GeoJSON feature")]


@router.get("/api/layers", responses=schemas.answers(schemas.layers.LAYERS))
@needs("read")
def list_layers(request: Request, connection: Reading) -> Response:
    """The layers: how many features each has, where, and of which version."""
    told = []
    for name, summary in places.summary(connection).items():
        layer = places.LAYERS[name]
        version = versions.read(connection, [name])
        told.append(
            {
                "id": name,
                "title": dict(layer.titles),
                "geometry": list(layer.geometries),
                "columns": list(layer.columns),
                "read_only": layer.read_only,
                "count": summary.count,
                "bbox": summary.bbox,
                "data_version": version.data_version,
                "href": f"/api/layers/{name}",
            }
        )
    return answer(
        request, {"layers": told}, versions.read(connection, list(places.LAYERS)), media_type=JSON
    )


@router.get(
    "/api/layers/{layer}",
    response_class=GeoJson,
    responses={200: {"content": downloads.CONTENT}, 406: downloads.NOT_ACCEPTABLE},
)
@needs("read")
def list_features(
    request: Request,
    service: Parts,
    principal: Who,
    layer: LayerName,
    bbox: Bbox,
    level: Annotated[str | None, Query(max_length=100, description="of grids")] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
    f: Annotated[str | None, Query(description=f"instead of Accept: {', '.join(FORMATS)}")] = None,
) -> Response:
    """Features of a layer by id, those that meet ``bbox``: a page of GeoJSON, or all as a file."""
    kind = places.layer(layer)
    if level is not None and "level" in kind.columns:
        _check_level(service, principal, level)
    what = downloads.asked(request, kind.name, f=f, bbox=bbox, level=level)
    if what is not None:
        return downloads.Download(request, service, principal, what)
    with acting(service.engine, principal, "patrolgrid_read") as connection:
        page = places.features(
            connection, kind.name, bbox=bbox, level=level, limit=limit, after=after(cursor),
            written=True,
        )  # fmt: skip
        version = versions.read(connection, [kind.name])
    payload = collection(page.features, links=next_link(request, page.next))
    told = answer(request, payload, version, of_layer=True)
    told.headers["Vary"] = downloads.VARY_HERE
    return told


def _check_level(service: Service, principal: Principal, level: str) -> None:
    """Refuse a word that is no level; one of the region's may have no grid."""
    if level not in service.region.level_names:
        with acting(service.engine, principal, "patrolgrid_read") as connection:
            hierarchy.check_level(connection, level, service.region.level_names)


@router.get("/api/layers/{layer}/" + FEATURE, response_class=GeoJsonFeature)
@needs("read")
def get_feature(
    request: Request, connection: Reading, layer: LayerName, feature_id: FeatureId
) -> Response:
    """One feature; its ETag is what If-Match wants."""
    kind = places.layer(layer)
    found = places.feature(connection, kind.name, feature_id)
    etag = places.etag(found)
    # As headers: the body is what PUT takes, and its state is its own.
    version = versions.read(connection, [kind.name])
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Vary": VARY,
        "Data-Version": version.data_version,
        "As-Of": rfc3339(version.as_of) or "",
    }
    known = known_as(request, etag)
    if known is not None:
        return Response(status_code=304, headers={**headers, "ETag": known})
    return Response(encode(found), headers=headers, media_type=GEOJSON)


@router.post(
    "/api/layers/{layer}",
    status_code=201,
    response_class=GeoJsonFeature,
    openapi_extra=description.FEATURE_BODY,
)
@needs("admin")
def create_feature(
    service: Parts, connection: Writing, layer: LayerName, body: Feature
) -> Response:
    """Create a feature; its id is the one given, else made."""
    kind = places.layer(layer)
    made = places.create(
        connection, kind.name, body, lowest_level=service.region.lowest_level,
        levels=service.region.level_names,
    )  # fmt: skip
    headers = {"ETag": places.etag(made), "Location": _address(kind.name, str(made["id"]))}
    return Response(encode(made), 201, headers, GEOJSON)


def _address(layer: str, feature_id: str) -> str:
    return f"/api/layers/{layer}/{quote(feature_id, safe='')}"


@router.put(
    "/api/layers/{layer}/" + FEATURE,
    response_class=GeoJsonFeature,
    openapi_extra=description.FEATURE_BODY,
)
@needs("admin")
def replace_feature(
    service: Parts,
    connection: Writing,
    layer: LayerName,
    feature_id: FeatureId,
    body: Feature,
    neighbours: Annotated[
        Literal["follow", "keep"],
        Query(description="of a grid, where a shared edge is moved; keep: an overlap is refused"),
    ] = "follow",
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Put a feature as GET gave it, changed; If-Match says which state was changed.

    A grid's neighbours follow where an edge that they share is moved; `also_changed` names them.
    """
    kind = places.layer(layer)
    _check_state(connection, kind.name, feature_id, if_match, if_none_match)
    if body.get("id") not in (None, feature_id):
        raise BadFeatureError(f"{kind.name} {feature_id}: the body's id is {body.get('id')!r}")
    made = places.replace(
        connection, kind.name, feature_id, body, lowest_level=service.region.lowest_level,
        levels=service.region.level_names, follow=neighbours == "follow",
    )  # fmt: skip
    return Response(encode(made), headers={"ETag": places.etag(made)}, media_type=GEOJSON)


#: So many are named in the header of a DELETE; a layer's history names all.
_MOST_NAMED = 50
_DELETED_ALSO: dict[int | str, dict[str, Any]] = {
    204: {
        "description": "it is gone",
        "headers": {
            "Deleted-Also": {
                "description": "addresses of what went with it, by commas, such as the areas of a"
                f" post (the first {_MOST_NAMED}; the history of their layer names all)",
                "schema": {"type": "string"},
            }
        },
    }
}  # fmt: skip


@router.delete("/api/layers/{layer}/" + FEATURE, status_code=204, responses=_DELETED_ALSO)
@needs("admin")
def delete_feature(
    connection: Writing,
    layer: LayerName,
    feature_id: FeatureId,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Delete a feature; If-Match says which state was looked at.

    A post takes the areas with it that it looks after: `Deleted-Also` names them.
    """
    kind = places.layer(layer)
    _check_state(connection, kind.name, feature_id, if_match, if_none_match)
    gone = places.delete(connection, kind.name, feature_id)
    also = ", ".join(_address(name, one) for name, one in gone[:_MOST_NAMED])
    return Response(status_code=204, headers={"Deleted-Also": also} if also else {})


def _check_state(
    connection: Writing,
    layer: LayerName,
    feature_id: str,
    if_match: Tags | None,
    if_none_match: Tags | None,
) -> None:
    """Lock the feature and hold its state against If-Match and If-None-Match."""
    found = places.hold(connection, layer, feature_id)
    if if_match is None:
        raise ApiError(428, "if_match_needed", "If-Match: give the ETag that GET answered with")
    etag = places.etag(found)
    if tags_of(if_match).isdisjoint({"*", etag}):
        raise StaleFeatureError(f"{layer} {feature_id} was changed meanwhile: GET it again")
    if if_none_match is not None and known_by(", ".join(if_none_match), etag) is not None:
        raise StaleFeatureError(
            f"{layer} {feature_id} is there, in a state that If-None-Match rules out: leave it out"
        )
