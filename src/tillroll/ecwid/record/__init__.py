"""Recording the talk with a store, so that its owner can report a fault, without the shop's personal data (`store record`).

`pseudonyms.py` decides what is written in place of what; `recorder.py` writes.
"""
