"""What demand is expected to be, and how far such expectations were from what was sold."""
