"""Who is told: a webhook, a folder, Klaviyo or Mailchimp, one module each. `receiver.py` says what each promises,
`service_calls.py` what the two services have in common, and `choose.py` makes the one that the rules name."""
