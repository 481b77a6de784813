"""``python -m lamarr.validation.pid_closure``."""

from lamarr.commands import run
from lamarr.validation.pid_closure.command import main

run(main)
