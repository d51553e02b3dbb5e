"""The routes, a file a question; each names the right that it needs."""

from api.http.routes import (
    auth,
    breaches,
    coverage,
    events,
    fixes,
    health,
    history,
    openapi,
    page,
    places,
    presence,
    response,
    subscriptions,
    tiles,
    units,
)  # fmt: skip

ROUTERS = tuple(
    module.router
    for module in (
        health, auth, page, openapi, history, places, tiles, units, fixes, breaches, presence,
        coverage, response, events, subscriptions,
    )
)  # fmt: skip
