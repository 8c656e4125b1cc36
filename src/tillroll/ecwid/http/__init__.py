"""Sending calls to the store's API: connection, rate limit, paging, time limits, errors and OAuth."""
