"""The map page and what it is made of."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from api.http import schemas
from api.http.answers import JSON, answer
from api.http.context import Parts
from api.http.errors import problem
from api.http.identity import Guarded, needs

router = APIRouter(route_class=Guarded, tags=["page"])

DIST = Path(str(resources.files("api"))) / "web" / "dist"
_POLICY = (
    "default-src 'self'; script-src 'self'; worker-src 'self' blob:; img-src 'self' data: blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


@router.get("/", response_class=HTMLResponse)
@needs("open")
def page() -> Response:
    """The map page."""
    index = DIST / "index.html"
    if not index.is_file():
        return problem(503, "page_not_built", "the map page is not built: run `make setup`")
    return HTMLResponse(
        index.read_bytes(),
        headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"},
    )


@router.get("/api/region", responses=schemas.answers(schemas.service.REGION))
@needs("read")
def region(request: Request, service: Parts) -> Response:
    """The region: names, languages, time zone, levels, kinds of unit."""
    told = service.region
    payload = {
        "id": told.id,
        "name": dict(told.name),
        "note": None if told.note is None else dict(told.note),
        "languages": told.languages,
        "timezone": str(told.timezone),
        "bbox": told.bbox,
        "levels": [
            {"level": level.word, "rank": level.rank, "title": dict(level.title)}
            for level in told.levels
        ],
        "kinds": [
            {"kind": kind.word, "title": dict(kind.title), "mode": kind.mode,
             "fresh_s": kind.fresh_s, "stale_s": kind.stale_s, "silent_s": kind.silent_s}
            for kind in told.kinds.values()
        ],
        "modes": list(told.modes),
        "minutes": told.minutes,
        "swath_m": told.swath_m,
    }  # fmt: skip
    return answer(request, payload, media_type=JSON)


def mount_assets(app: FastAPI) -> None:
    """Serve the page's built files; their names carry their content's hash."""
    if (DIST / "assets").is_dir():
        app.mount("/assets", StaticFiles(directory=DIST / "assets"), name="assets")
