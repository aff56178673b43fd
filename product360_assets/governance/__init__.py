"""Governance: proofs about what the other rooms made, for whoever has to answer for it."""
