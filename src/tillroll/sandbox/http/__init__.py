"""The HTTP side of the sandbox: sockets, the order of checks, routing, batches, webhooks and faults."""
