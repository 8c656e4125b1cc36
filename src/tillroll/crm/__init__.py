"""Tells a CRM what changed: orders, codes, redemptions, tiers and consent, each change once and in order for each customer.

`ledger/captures` records the changes, and `ledger/crm` adds what is older than the feed, and codes that expire. Here they become
JSON (`compose.py`) and leave in batches (`push.py`) for the receiver that the rules name (`receivers/`), and its answer decides
what becomes of them (`decide.py`).

A batch is recorded before it leaves, with the text of its events. A process that dies between the POST and the record of its
answer leaves the batch as it is, and the next one posts it again, with the same ids.
"""
