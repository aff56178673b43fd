"""The source systems: one folder each, holding nothing but its contract in `defs.yaml`."""
