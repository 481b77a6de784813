"""Networks in torch; each knows how to become nodes of the model graph (`lowering`)."""
