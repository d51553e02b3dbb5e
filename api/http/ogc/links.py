"""Links of the OGC API: absolute, under the public address, and without any token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request

from api.http.answers import GEOJSON, JSON, cursor_of
from layers.places import Layer
from layers.search import Found

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


def page_links(request: Request, of: Layer, found: Found) -> list[Link]:
    """A page of features, the pages beside it, and its collection.

    What lies beside it is told by where it ended, not by how many features are passed over: these
    come and go while somebody reads.
    """
    items = f"{collection_url(request, of)}/items"
    asked = request.query_params.multi_items()
    kept = [(name, value) for name, value in asked if name not in {"offset", "cursor"}]

    def page(rel: str, query: Sequence[tuple[str, str]]) -> Link:
        return link(rel, f"{items}?{urlencode(query)}" if query else items, GEOJSON)

    links = [page("self", asked), link("collection", collection_url(request, of))]
    for rel, place in (("next", found.next), ("prev", found.previous)):
        if place is not None:
            links.append(page(rel, [*kept, ("cursor", cursor_of(place.text()))]))
    return links
