"""The services of the local environment: product, not test code."""
