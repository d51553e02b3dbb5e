"""The plan: what is to be visited how often, whether it is, and where to go next."""

from layers.plan.answer import READS as READS
from layers.plan.answer import Kept as Kept
from layers.plan.answer import answer as answer
from layers.plan.duties import Duty as Duty
from layers.plan.duties import Per as Per
from layers.plan.duties import Visited as Visited
from layers.plan.keeping import keep_up as keep_up
