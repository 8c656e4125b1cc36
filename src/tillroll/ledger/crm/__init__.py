"""What a CRM is told: its feeds, the events that wait, those of the history and of codes that expire.

Triggers add the events of what changes (`ledger/captures`), in the transaction that changes it.
"""
