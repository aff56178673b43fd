"""What the curated zone costs: many small commits, the two ways to merge, and how fresh it is."""
