"""A shop whose files are in landing, raw and clean, and the reconciliation of them."""

from forgotten import make_asked
from reconciled import make_shop, runner, shop

__all__ = ["make_asked", "make_shop", "runner", "shop"]
