"""Send: one e-mail to each recipient, with its code. The outcome is sent, failed or unknown; an unknown outcome is never hidden.

The path of a message: `prepare.py` writes its row, `claim.py` decides whether it may go and claims it, `compose.py` fills in the
template, a transport hands it over, and `outcomes.py` records what became of it. `deliver.py` runs these steps slice by slice.
"""
