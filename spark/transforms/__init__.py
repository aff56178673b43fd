"""Pure functions from DataFrame to DataFrame: what the numbers are, one module per subject."""
