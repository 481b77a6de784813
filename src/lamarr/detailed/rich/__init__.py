"""RICH: photons of all charged particles in two gases, and the global likelihood that identifies tracks."""

from __future__ import annotations

from lamarr.detailed.rich.identify import RichResult, identify

__all__ = ["RichResult", "identify"]
