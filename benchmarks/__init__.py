"""Measurements of the platform: whole process trees, side by side with plain scripts."""
