"""Compiling before the first tile."""

from __future__ import annotations

from geo.tiles import (
    boxes,
    cutting,
    messages,
    mosaic,
    outlines,
    pixels,
    sampling,
    strokes,
    warm,
)

CALLED = [
    boxes.drawn, boxes.rectangles, cutting.cut, messages.features, mosaic.blocks, mosaic.fewer,
    mosaic.how_many, mosaic.standing, outlines.drawn, outlines.outlines,
    outlines.runs_of, pixels.owners, sampling.owners,
    strokes.dashes, strokes.dots, strokes.drawn, strokes.owners,
]  # fmt: skip


def test_each_function_that_a_tile_calls_is_compiled_after_it() -> None:
    warm()
    assert all(made.signatures for made in CALLED)
