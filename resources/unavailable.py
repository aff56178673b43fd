"""A service that this environment cannot reach yet, said plainly at its first use.

The hazard it removes: a stand-in that answers something makes an asset green though nothing ran.
This one can be configured, listed and loaded with the definitions; whatever is asked of it raises.
"""

from __future__ import annotations

from typing import Any, NoReturn

import dagster as dg

from resources.errors import ServiceUnavailable

# Asked for by `dict(resource)`, which is how Dagster reads a resource's configuration.
_ASKED_BY_DAGSTER = frozenset({"keys"})


class UnavailableService(dg.ConfigurableResource[Any]):
    """Stands where a service will be.

    Attributes:
        service: what is missing, as its users call it.
        arrives_with: what makes it available: a setting to make, or a coming part of the platform.
    """

    service: str
    arrives_with: str

    def __getattr__(self, name: str) -> NoReturn:
        """Refuse every use; only what Python and Dagster look for themselves is simply absent."""
        if name.startswith("_") or name in _ASKED_BY_DAGSTER:
            raise AttributeError(name)
        raise ServiceUnavailable(
            self.service,
            found=f"no adapter in this environment (asked for {name!r})",
            expected=self.arrives_with,
            next_move="run with PRODUCT360_ENV=local, where it works today",
        )
