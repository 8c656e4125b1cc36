"""FactFinding out how one store answers where the documentation leaves it open (`tillroll store probe`).

Each fact of `facts/` is a conversation: a generator that yields requests, is given the answers, and returns the setting. It sends
nothing by itself, so it is pure. `edge.py` sends the requests, and removes what they made. `leftovers.py` finds and removes what
a killed probe left in the store. `decide.py` makes findings and the report.

To add a fact, write one function in `facts/` with the decorator `fact`, and give it the name of the sandbox's switch.
"""
