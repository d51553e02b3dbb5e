"""The routes, a file a question; each names the right that it needs."""

from api.http import ogc
from api.http.routes import (
    auth,
    border,
    breaches,
    coverage,
    events,
    fixes,
    grids,
    health,
    history,
    holds,
    openapi,
    page,
    places,
    plan,
    presence,
    quarantine,
    rasters,
    response,
    series,
    subscriptions,
    tiles,
    trackers,
    units,
)  # fmt: skip

ROUTERS = tuple(
    module.router
    for module in (
        health, auth, page, openapi, history, places, grids, rasters, tiles, units, fixes,
        trackers, quarantine, holds, breaches, presence, coverage, series, border, plan, response,
        events, subscriptions, ogc,
    )
)  # fmt: skip
