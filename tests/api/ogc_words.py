"""What tests of /ogc say, in few words: addresses, links and ids."""

from __future__ import annotations

from typing import Any

import httpx

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
OGC_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
ITEMS = "/ogc/collections/cameras/items"


def links(told: dict[str, Any], rel: str) -> list[dict[str, Any]]:
    """The links of a document that are of a relation."""
    return [one for one in told["links"] if one["rel"] == rel]


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["features"]]
