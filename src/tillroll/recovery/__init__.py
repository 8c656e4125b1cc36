"""Recovery: what keeps a restored or copied ledger from making codes or sending e-mails twice.

The fence (`fence.py`) detects such a ledger and stops it. `tillroll rearm` (`rearm.py`) lets it continue without repeating
anything: `doubt.py` finds out what the ledger would repeat, and the other modules are the steps that prevent it.
"""
