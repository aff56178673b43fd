"""How data gets in: loads, pulls, and what was dropped; everything ends in landing."""
