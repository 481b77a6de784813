"""What the engines ``parametric`` and ``signal`` of the ECAL learn from the detailed simulation."""
