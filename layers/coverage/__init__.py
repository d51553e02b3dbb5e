"""Coverage of the stored grids and border by the stored fixes, over a window."""

from layers.coverage.border import measure_border as measure_border
from layers.coverage.known import known as known
from layers.coverage.measure import Measured as Measured
from layers.coverage.measure import answer as answer
from layers.coverage.measure import measure as measure
from layers.coverage.question import Part as Part
from layers.coverage.question import Question as Question
from layers.coverage.reached import Done as Done
from layers.coverage.reached import unheard as unheard
from layers.coverage.series import Bin as Bin
from layers.coverage.series import Every as Every
from layers.coverage.series import series as series
from layers.coverage.tables import series_table as series_table
from layers.coverage.tables import table as table

#: The layers that a coverage answer is read from.
READS = ("fixes", "grids", "units")
BORDER_READS = ("border", "fixes", "units")
