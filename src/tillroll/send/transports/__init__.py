"""The mail transports: how e-mails leave. Each implements `Transport` (`send/transport.py`) and is chosen in `wiring.py`."""
