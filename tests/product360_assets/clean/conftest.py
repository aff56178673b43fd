"""A shop's files, accepted into raw, and the real engine that makes them clean."""

from orders import deliver, lake, ledger, ledger_resource, registry_resource, runner, shop

__all__ = ["deliver", "lake", "ledger", "ledger_resource", "registry_resource", "runner", "shop"]
