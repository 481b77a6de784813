"""Named training samples: what is generated for each, and how it is written with a manifest."""
