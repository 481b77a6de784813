"""Training of what the detailed simulation's reconstruction uses to identify clusters and tracks."""
