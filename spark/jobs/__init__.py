"""Jobs: read, transform, check, write, report. Each module is a job by its own name."""
