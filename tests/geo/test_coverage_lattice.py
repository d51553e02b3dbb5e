"""Lattices: the compiled projection is the library's, and a cell's lattice is its own affair."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.coverage.lattice import Lattice, forward, lattices


@given(
    lon_block=st.integers(-30, 29), lat_block=st.integers(-14, 13),
    off=st.tuples(st.floats(-8, 8), st.floats(-8, 8)),
)  # fmt: skip
def test_the_compiled_projection_is_the_librarys_to_two_millimetres(
    lon_block: int, lat_block: int, off: tuple[float, float]
) -> None:
    lattice = Lattice(lon_block=lon_block, lat_block=lat_block, step_m=25.0)
    lon, lat = lattice.middle[0] + off[0], float(np.clip(lattice.middle[1] + off[1], -89.9, 89.9))
    x, y = lattice.plane.forward(lon, lat)
    assert np.abs(np.array(forward(lon, lat, lattice.disc)) - [x, y]).max() < 2e-3


def test_a_cells_lattice_does_not_depend_on_what_is_asked_beside_it() -> None:
    small, large = shapely.box(104, 42, 104.003, 42.003), shapely.box(104, 42, 105, 43)
    own = {of: lattices(np.array([of], dtype=object), 500.0)[0][0] for of in (small, large)}
    both = lattices(np.array([small, large], dtype=object), 500.0)
    assert {int(at[0]): lattice for lattice, at in both} == {0: own[small], 1: own[large]}
    assert own[small].step_m < own[large].step_m == 25.0


def test_a_sliver_has_no_more_points_than_its_length_is_worth() -> None:
    """As overlays leave them: 2 mm wide and 5 km long."""
    sliver = shapely.LineString([(104, 42), (104.04, 42.02)]).buffer(1e-8)
    ((lattice, _),) = lattices(np.array([sliver], dtype=object), 500.0)
    assert 0.05 < lattice.step_m < 1
