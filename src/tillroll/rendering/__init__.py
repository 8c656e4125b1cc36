"""What an e-mail says: templates compiled, filled in for a recipient, and written as the bytes of a message.

Plans read their e-mails here before anybody approves them; `send` makes those that leave.
"""
