"""When things are made: jobs, the schedule, the sensors. No other room knows time."""
