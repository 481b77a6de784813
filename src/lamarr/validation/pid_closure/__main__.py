"""``python -m lamarr.validation.pid_closure``."""

from lamarr.validation.pid_closure.command import main

main()
