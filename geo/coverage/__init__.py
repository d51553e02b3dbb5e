"""Coverage: how much of each cell, and of each kilometre of border, was really patrolled."""

from geo.coverage.figures import Coverage, coverage
from geo.coverage.line import border
from geo.coverage.pieces import split
from geo.coverage.share import visited_share
from geo.coverage.spells import Fixes, Pace
from geo.coverage.survey import survey
from geo.coverage.warm import warm

__all__ = [
    "Coverage", "Fixes", "Pace", "border", "coverage", "split", "survey", "visited_share", "warm",
]  # fmt: skip
