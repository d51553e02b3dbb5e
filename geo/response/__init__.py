"""Response: who can be where, and how soon, over roads and open ground in one field."""

from geo.response.areas import bands
from geo.response.dispatch import dispatch
from geo.response.field import Field, field
from geo.response.network import Network, road_distance_m
from geo.response.route import Route, route
from geo.response.speeds import STANDARD, Speeds
from geo.response.warm import warm

__all__ = [
    "STANDARD", "Field", "Network", "Route", "Speeds", "bands", "dispatch", "field",
    "road_distance_m", "route", "warm",
]  # fmt: skip
