"""The machine-readable description of this interface."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from api.http import description
from api.http.identity import Guarded, needs

router = APIRouter(route_class=Guarded, tags=["service"])


@router.get("/openapi.json", include_in_schema=False)
@needs("read")
def openapi(request: Request) -> JSONResponse:
    """OpenAPI of every route."""
    return JSONResponse(description.document(request.app))
