"""``python -m lamarr.validation.tracking_closure``."""

from lamarr.validation.tracking_closure.command import main

main()
