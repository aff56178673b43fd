"""What the numbers are: tables, transforms and jobs, in PySpark and the standard library."""
