"""Send: one e-mail to each recipient, with its code. The outcome is sent, failed or unknown; an unknown outcome is never hidden.

The path of a message: `slices/prepare.py` writes its row, `slices/claim.py` decides whether it may go and claims it,
`slices/compose.py` fills in the template, a transport hands it over, `wire.py` marks it right before it leaves, and
`outcomes.py` records what became of it. `slices/deliver.py` runs these steps slice by slice, and `hold.py` keeps all messages
back while the transport is in trouble.
"""
