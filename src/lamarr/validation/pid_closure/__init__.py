"""How close the identification of a set is to that of simulated events: the same tracks, drawn again.

    python -m lamarr.validation.pid_closure --set myset --data events.parquet

The set's models draw table ``pid`` anew for the tracks of files, with the files' own tracks, species and
occupancy as conditions; then the two tables are compared, species by species.

Errors are those of *blocks* of events (``--block``): tracks of one event share its occupancy, and events of
a sample that was made by embedding share all of their minimum-bias part. Of such a sample only the
embedded tracks (``--signal``) are to be compared.
"""

from lamarr.validation.lines import Line
from lamarr.validation.pid_closure.command import main, speed
from lamarr.validation.pid_closure.compare import CUTS, compare_species
from lamarr.validation.pid_closure.pairs import Selection, draw_again, read_pairs

__all__ = ["CUTS", "Line", "Selection", "compare_species", "draw_again", "main", "read_pairs", "speed"]
