"""The soak: small batches land for half an hour, and nothing that stays alive may grow."""
