"""Calendar: the schedules played forward over the days to come."""
