"""The store's API: client, pace, errors, and the wire. The only room that knows HTTP and the store's JSON."""
