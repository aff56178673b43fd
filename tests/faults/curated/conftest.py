"""A home with a real ledger, a real catalog and a job that commits through the real bridge."""

from desk import desk

__all__ = ["desk"]
