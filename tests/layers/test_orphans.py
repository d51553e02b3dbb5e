"""Grids that a load stores without a parent, though they lie on those of a higher level."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import shapely
from sqlalchemy import Connection

from layers.load import load
from layers.places import orphans
from scratch import rolled_back
from tests.layers.grid_words import LEVELS, box, create, grid
from tests.layers.loading_words import csv


@pytest.fixture
def connection(cluster_url: str, template_database: str) -> Iterator[Connection]:
    with rolled_back(cluster_url, template_database) as made:
        create(
            made,
            grid("b", box(0, 0, 4, 4), level="banner"),
            grid("s", box(0, 0, 2, 4), level="sumu", parent="b"),
        )
        yield made


def row(name: str, west: float, parent: str = "") -> str:
    return f'{name},"{box(west, 0, west + 0.5, 1).wkt}",{parent}'


def notes(connection: Connection, path: Path, **more: bool) -> list[str]:
    done = load(connection, "grids", path, levels=LEVELS, **more)
    return [note for note in done.notes if "parent" in note]


def test_the_report_names_one_of_them_and_the_lowest_that_it_lies_in(
    connection: Connection, tmp_path: Path
) -> None:
    told = [
        "2 grids have no parent but lie in grids of a higher level, such as 'c1' in 's': give them"
        " the column parent"
    ]
    rows = (row("c0", 5), row("c1", 0), row("c2", 3), row("c3", 1, "s"))
    path = csv(tmp_path, "id,wkt,parent", *rows)
    assert notes(connection, path, dry_run=True) == told
    assert notes(connection, path) == told


def test_a_file_that_does_not_speak_of_parents_keeps_those_that_are_there(
    connection: Connection, tmp_path: Path
) -> None:
    create(connection, grid("c1", box(0, 0, 0.5, 1), parent="s"))
    path = csv(tmp_path, "id,wkt", *(row(*one)[:-1] for one in (("c1", 0), ("c0", 5))))
    assert notes(connection, path) == []
    path = csv(tmp_path, "id,wkt", *(row(*one)[:-1] for one in (("c1", 0), ("c2", 3))))
    [told] = notes(connection, path)
    assert told.startswith(
        "1 grid has no parent but lies in a grid of a higher level, such as 'c2'"
    )


def test_parents_of_the_same_file_count_and_lower_levels_do_not(
    connection: Connection, tmp_path: Path
) -> None:
    both = csv(
        tmp_path, "id,wkt,level", *(row(*one) for one in (("d", 6, "cell"), ("e", 6, "sumu")))
    )
    assert "such as 'd' in 'e'" in notes(connection, both)[0]
    top = csv(tmp_path, "id,wkt,level", f'z,"{box(6, 0, 8, 1).wkt}",banner')
    assert notes(connection, top) == []


def test_two_hundred_thousand_are_looked_at_in_seconds(connection: Connection) -> None:
    n = 450
    west, south = np.meshgrid(np.arange(n) / n * 3.9, np.arange(n) / n * 3.9)
    cells = shapely.box(
        100 + west.ravel(), 40 + south.ravel(), 100.005 + west.ravel(), 40.005 + south.ravel()
    )
    ids = [f"c{i}" for i in range(len(cells))]
    columns = {"level": ["cell"] * len(cells), "parent": [None] * len(cells)}
    began = time.monotonic()
    [told] = orphans.note(connection, ids, columns, cells, order=LEVELS)
    assert time.monotonic() - began < 10  # a second, where nothing else runs
    assert told.startswith("202,500 grids have no parent")
    columns["parent"] = ["b"] * len(cells)
    assert orphans.note(connection, ids, columns, cells, order=LEVELS) == []
