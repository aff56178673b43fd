"""The vocabulary the whole graph shares: contracts, keys, partitions, checks, metadata."""
