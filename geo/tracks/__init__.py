"""Tracks: which fixes count, which pairs of them are a path (legs) and which are not (gaps)."""

from geo.tracks.door import REASONS, doubt, faults
from geo.tracks.legs import legs, outliers
from geo.tracks.path import Track
from geo.tracks.settling import Settled, settle
from geo.tracks.windows import cut

__all__ = ["REASONS", "Settled", "Track", "cut", "doubt", "faults", "legs", "outliers", "settle"]
