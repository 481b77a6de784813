"""Training of the learned engines of the ECAL: events, owners of clusters, the loop, recipes."""
