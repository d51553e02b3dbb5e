"""What a fix says beside its place, and from where to where each number means something."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIMITS = {
    "accuracy_m": (0, np.inf), "speed_ms": (0, np.inf), "heading_deg": (0, 360),
    "altitude_m": (-np.inf, np.inf), "battery": (0, 100),
}  # fmt: skip
VALUES = tuple(LIMITS)


def kept(name: str, values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Numbers as the table holds them: ``real``, and NaN if meaningless.

    Trackers say -1 for a speed or heading that they do not know. Before fixes are compared with
    each other: what decides between two must be what is stored.
    """
    least, most = LIMITS[name]
    with np.errstate(over="ignore"):
        single = values.astype(np.float32)
    meant = np.isfinite(single) & (single >= least) & (single <= most)
    return np.where(meant, single, np.float32(np.nan))
