"""A plan's e-mails, filled in for awkward recipients and read before anybody approves the plan."""
