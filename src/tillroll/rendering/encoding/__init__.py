"""The bytes of an e-mail's body: texts are encoded, those that are the same in many e-mails once, and all are looked at."""
