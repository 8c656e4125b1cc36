"""Notices: what people of the shop are told about the work itself.

What happened is found in the ledger and kept there as a notice for each person, at most once (`runs.py`, `mail_trouble.py`, and
in the transaction of what they tell of: `outage.py`, `complaints.py`, `privacy.py`). `by_mail.py` sends them by the transport of
the campaigns' e-mails, `by_hook.py` posts them to NOTICE_URL, which also works while no e-mail leaves. `turn.py` calls all of it.

More than 13 modules: one for each thing that people are told of, and one for each way to tell it.
"""
