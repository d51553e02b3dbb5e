"""The plan: were places visited as often as they should be, and where should one go next."""

from geo.plan.judge import STATES, Judged, judge, warm
from geo.plan.merged import merged
from geo.plan.rounds import NEVER, Stays

__all__ = ["NEVER", "STATES", "Judged", "Stays", "judge", "merged", "warm"]
