"""A quick stand-in for a local plane: the same metres, without a geodesic for every vertex."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from geo.earth import Plane
from geo.response.compiled import compiled

Floats = NDArray[np.float64]
Move = Callable[[Floats, Floats], tuple[Floats, Floats]]

EARTH_RADIUS_M = 6_371_000.0
#: A chart that strays further than this from its plane is not used.
TOLERANCE_M = 0.02
#: Planes are kept at the knots of this lattice: making one costs 30 ms, and at 20 km from the
#: middle of an azimuthal equidistant plane the scale errs by 2e-6.
_LATTICE_DEG = 0.25
_DEGREE = 5
_POWERS = [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
_KNOTS = np.cos((np.arange(9) + 0.5) * math.pi / 9)  # Chebyshev's: no wiggles at the ends
_FIT_U, _FIT_V = (g.ravel() for g in np.meshgrid(_KNOTS, _KNOTS))
_FIT = np.linalg.pinv(np.column_stack([_FIT_U**i * _FIT_V**j for i, j in _POWERS]))
_TEST_U, _TEST_V = (g.ravel() for g in np.meshgrid([-1, -0.55, 0.1, 1], [-1, -0.3, 0.65, 1]))


@lru_cache(maxsize=256)
def _plane(lon: float, lat: float) -> Plane:
    return Plane.equidistant(lon, lat)


def plane_near(lon: float, lat: float) -> Plane:
    """An azimuthal equidistant plane whose middle is within 20 km of the point."""
    knots = (round(v / _LATTICE_DEG) * _LATTICE_DEG for v in (lon, lat))
    return _plane(*knots)


@compiled
def _polynomial(u: Floats, v: Floats, c: Floats, degree: int) -> Floats:
    """Two polynomials of u, v (Horner in v, then in u); ``c`` has a row for each of them."""
    out = np.empty((2, u.size))
    for n in range(u.size):
        for row in range(2):
            total, end = 0.0, c.shape[1]
            for i in range(degree, -1, -1):
                end -= degree + 1 - i
                inner = 0.0
                for j in range(degree - i, -1, -1):
                    inner = inner * v[n] + c[row, end + j]
                total = total * u[n] + inner
            out[row, n] = total
    return out


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """A polynomial map of a rectangle to the plane, or back."""

    middle: tuple[float, float]
    half: tuple[float, float]
    coefficients: Floats

    @classmethod
    def of(cls, box: tuple[float, float, float, float], move: Move) -> tuple[_Fit, float]:
        """The fit of ``move`` over ``box`` (x0, y0, x1, y1), and its largest error in a test."""
        mid = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        half = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
        want = np.vstack(move(mid[0] + half[0] * _FIT_U, mid[1] + half[1] * _FIT_V))
        fit = cls(middle=mid, half=half, coefficients=np.ascontiguousarray((_FIT @ want.T).T))
        test = mid[0] + half[0] * _TEST_U, mid[1] + half[1] * _TEST_V
        error = np.abs(np.vstack(move(*test)) - np.vstack(fit(*test))).max()
        return fit, float(error)

    def __call__(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        u = (np.ascontiguousarray(x) - self.middle[0]) / self.half[0]
        v = (np.ascontiguousarray(y) - self.middle[1]) / self.half[1]
        out = _polynomial(u, v, self.coefficients, _DEGREE)
        return out[0], out[1]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A plane over a box: polynomials where they hold to 2 cm, else the plane itself."""

    plane: Plane
    lonlat: tuple[float, float, float, float]  #: west, south, east, north of what it covers
    _to: _Fit | None
    _back: _Fit | None

    @classmethod
    def over(cls, plane: Plane, box_m: tuple[float, float, float, float]) -> Chart:
        """The chart of ``plane`` over ``box_m`` (x0, y0, x1, y1 in the plane's metres)."""
        x, y = np.linspace(box_m[0], box_m[2], 9), np.linspace(box_m[1], box_m[3], 9)
        lon, lat = plane.inverse(*(g.ravel() for g in np.meshgrid(x, y)))
        slack = 0.01 * (lat.max() - lat.min())
        lonlat = (
            float(lon.min() - slack), float(max(lat.min() - slack, -90)),
            float(lon.max() + slack), float(min(lat.max() + slack, 90)),
        )  # fmt: skip
        to, error_m = _Fit.of(lonlat, plane.forward)
        back, error_deg = _Fit.of(box_m, plane.inverse)
        bad_back = error_deg * 111_000 > TOLERANCE_M
        return cls(
            plane=plane, lonlat=lonlat,
            _to=None if error_m > TOLERANCE_M else to, _back=None if bad_back else back,
        )  # fmt: skip

    def forward(self, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
        """Degrees (1-d arrays, inside the box) to the plane's metres."""
        return self._to(lon, lat) if self._to else self.plane.forward(lon, lat)

    def inverse(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """The plane's metres (1-d arrays, inside the box) to degrees."""
        return self._back(x, y) if self._back else self.plane.inverse(x, y)
