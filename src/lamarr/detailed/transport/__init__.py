"""Geant4 carries the particles of generated events through the detector and gives what they leave there.

:class:`Transport` is a function of an event and a seed. Geant4 is imported when the first one is made.
"""

from lamarr.detailed.transport.limits import Limits
from lamarr.detailed.transport.transport import STOPS, Transport

__all__ = ["STOPS", "Limits", "Transport"]
