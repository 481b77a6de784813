"""Training of the tracking models on draws from a teacher."""
