"""How the platform talks to services: one module per service, `local/` for the stand-ins."""
