"""Links of the OGC API: absolute, under the public address, and without any token."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request

from api.http.answers import GEOJSON, JSON
from layers.places import Layer

Link = dict[str, Any]
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_OGC = "http://www.opengis.net/def/rel/ogc/1.0/"
QUERYABLES, SCHEMES, SCHEME = f"{_OGC}queryables", f"{_OGC}tiling-schemes", f"{_OGC}tiling-scheme"
TILESETS, CONFORMANCE = f"{_OGC}tilesets-vector", f"{_OGC}conformance"


def root(request: Request) -> str:
    """The address of /ogc as its clients see it."""
    public: str | None = request.app.state.service.settings.public_url
    return f"{(public or str(request.base_url)).rstrip('/')}/ogc"


def link(rel: str, href: str, media_type: str = JSON, **more: object) -> Link:
    """One link."""
    return {"rel": rel, "type": media_type, "href": href, **more}


def collection_url(request: Request, of: Layer) -> str:
    """The address of a collection."""
    return f"{root(request)}/collections/{of.name}"


def item_url(request: Request, of: Layer, identity: str) -> str:
    """The address of a feature; its id may hold slashes."""
    return f"{collection_url(request, of)}/items/{quote(identity, safe='')}"


def collection_links(request: Request, of: Layer, rel: str) -> list[Link]:
    """What belongs to a collection; ``rel`` is that of the collection itself."""
    url, title = collection_url(request, of), of.titles["en"]
    return [
        link(rel, url, title=title),
        link("items", f"{url}/items", GEOJSON, title=title),
        link(QUERYABLES, f"{url}/queryables", SCHEMA, title="Properties to filter by"),
        link("queryables", f"{url}/queryables", SCHEMA, title="Properties to filter by"),
        # Written so, GDAL takes the types of columns from it, not from the first features.
        link("describedBy", f"{url}/schema", SCHEMA, title="Features"),
        link(TILESETS, f"{url}/tiles", title="Vector tiles"),
    ]


def page_links(
    request: Request, of: Layer, *, limit: int, offset: int, returned: int, matched: int
) -> list[Link]:
    """A page of features, the pages beside it, and its collection."""
    items = f"{collection_url(request, of)}/items"
    asked = [(k, v) for k, v in request.query_params.multi_items() if k != "offset"]

    def page(rel: str, start: int) -> Link:
        query = [*asked, ("offset", str(start))] if start else asked
        return link(rel, f"{items}?{urlencode(query)}" if query else items, GEOJSON)

    found = [page("self", offset), link("collection", collection_url(request, of))]
    if offset + returned < matched and returned:
        found.append(page("next", offset + returned))
    if offset:
        found.append(page("prev", max(offset - limit, 0)))
    return found
