"""How close the tracking of a set is to that of simulated events: the same particles and tracks, drawn again.

    python -m lamarr.validation.tracking_closure --set myset --data unseen.parquet

Acceptance and efficiency of a set are compared with what became of the particles of files; resolution and
covariance are drawn anew for their tracks, one after the other as in the pipeline. That is done for each
type of track of electrons, muons and hadrons, the species that the models know. For the closure of a set
that learned from a teacher, see :mod:`lamarr.validation.closure`.
"""

from lamarr.validation.tracking_closure.command import main
from lamarr.validation.tracking_closure.compare import compare_chances, compare_tracks
from lamarr.validation.tracking_closure.read import Selection, read_arrays

__all__ = ["Selection", "compare_chances", "compare_tracks", "main", "read_arrays"]
