"""Events from outside: the store's webhooks and custom events are checked and stored, then acted on."""
