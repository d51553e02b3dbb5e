"""Writers of a layer take turns: each judges the layer as the one before it left it."""

from __future__ import annotations

from sqlalchemy import Connection, text

from layers.places.registry import LAYERS


def take(connection: Connection, *names: str) -> None:
    """Wait for other writers of these layers, and keep later ones waiting until the commit.

    Layers that refer to one of these are taken along: a post's deletion takes its areas with it.
    Take all that a transaction writes at once, before any row: the order is the same for all.
    """
    referring = {
        other.name
        for other in LAYERS.values()
        if not other.read_only and not set(names).isdisjoint(other.references.values())
    }
    for name in sorted(referring.union(names)):
        # The same as that of `bulk.put`.
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtext(:turn))"), {"turn": f"load {name}"}
        )
