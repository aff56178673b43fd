"""The demo company: a small retailer's real systems on this machine, filled with real data."""
