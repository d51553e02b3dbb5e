"""Projections in zones that eastings and northings may be of, by their size alone.

EPSG numbers of a family run on from zone to zone, which the tests hold against PROJ's names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: What is added to CGCS2000's EPSG numbers gives those of the same zone of Xian 1980.
_TO_XIAN = -2164
_M_PER_DEG = 111_195.0
_WIDEST_M, _WIDEST_3_DEG_M = 400_000.0, 200_000.0  #: from a zone's middle, in its family's use


@dataclass(frozen=True, kw_only=True)
class Zone:
    """A zone of a projection."""

    family: str
    label: str  #: what it is called in its family
    code: int  #: EPSG
    middle_deg: int  #: its central meridian's longitude

    def roughly(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """Longitudes and latitudes of eastings and northings to within half a degree: on a sphere,
        along parallels. To make a transformation of PROJ for each zone takes seconds."""
        lat = xy[:, 1] / _M_PER_DEG
        off_m = xy[:, 0] % 1e6 - 5e5
        lon = self.middle_deg + off_m / _M_PER_DEG / np.cos(np.radians(np.clip(lat, -85, 85)))
        return np.column_stack([lon, lat])

    @property
    def is_chinese(self) -> bool:
        """Whether Xian 1980, an older datum, has the same zone."""
        return self.family.startswith("CGCS2000")


def of(xy: NDArray[np.float64]) -> Iterator[Zone]:
    """The zones that have coordinates of this size; x is the easting."""
    x, y = xy[:, 0], xy[:, 1]
    if not ((y > 1e6) & (y < 9.4e6)).all():
        return
    numbers = set((x // 1e6).astype(int).tolist())
    number = numbers.pop() if len(numbers) == 1 else -1
    off_m = float(np.abs(x % 1e6 - 5e5).max())
    if number < 0 or off_m > _WIDEST_M:
        return
    if 13 <= number <= 23:
        yield Zone(
            family="CGCS2000 / Gauss-Kruger zone", label=f"{number}", code=4478 + number,
            middle_deg=6 * number - 3,
        )  # fmt: skip
    elif 25 <= number <= 45:
        yield Zone(
            family="CGCS2000 / 3-degree Gauss-Kruger zone", label=f"{number}", code=4488 + number,
            middle_deg=3 * number,
        )  # fmt: skip
    elif number == 0:
        yield from _unnumbered(off_m)


def _unnumbered(off_m: float) -> Iterator[Zone]:
    """Eastings that do not begin with the number of their zone."""
    for number in range(1, 61):
        yield Zone(
            family="UTM zone", label=f"{number}N", code=32600 + number,
            middle_deg=6 * number - 183,
        )  # fmt: skip
    for n, middle in enumerate(range(75, 136, 6)):
        yield Zone(
            family="CGCS2000 / Gauss-Kruger CM", label=f"{middle}E", code=4502 + n,
            middle_deg=middle,
        )  # fmt: skip
    if off_m > _WIDEST_3_DEG_M:
        return
    for n, middle in enumerate(range(75, 136, 3)):
        yield Zone(
            family="CGCS2000 / 3-degree Gauss-Kruger CM", label=f"{middle}E", code=4534 + n,
            middle_deg=middle,
        )  # fmt: skip


def named(zones: Sequence[Zone]) -> list[str]:
    """Zones as a message names them, one text a family, with the option for each."""
    families: dict[str, list[Zone]] = {}
    for zone in zones:
        families.setdefault(zone.family, []).append(zone)
    return [_family(family, own) for family, own in families.items()]


def _family(family: str, own: Sequence[Zone]) -> str:
    def listed(word: Callable[[Zone], str]) -> str:
        if len(own) > 3:
            return f"{word(own[0])} to {word(own[-1])}"
        return " or ".join(map(word, own))

    older = ""
    if own[0].is_chinese:
        older = f"; in Xian 1980 {listed(lambda zone: f'EPSG:{zone.code + _TO_XIAN}')}"
    codes = listed(lambda zone: f"EPSG:{zone.code}")
    return f"{family} {listed(lambda zone: zone.label)} (--crs {codes}{older})"
