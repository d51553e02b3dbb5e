"""What ``geo`` refuses, one class per failure; each message says what, where and what to do."""

from __future__ import annotations


class GeoError(ValueError):
    """The input cannot be computed with."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class MissingColumnError(GeoError):
    """A needed column is missing from the frame."""


class NoCrsError(GeoError):
    """The frame declares no coordinate reference system: set it before computing."""


class WrongGeometryError(GeoError):
    """A geometry is of a kind that this computation cannot take."""


class NaiveTimeError(GeoError):
    """A time has no time zone: give it one (UTC) before computing."""


class OutOfRangeError(GeoError):
    """A number lies outside what it may be."""


class UnknownUnitError(GeoError):
    """A fix names a unit that is not among the units given."""
