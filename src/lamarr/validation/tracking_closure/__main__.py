"""``python -m lamarr.validation.tracking_closure``."""

from lamarr.commands import run
from lamarr.validation.tracking_closure.command import main

run(main)
