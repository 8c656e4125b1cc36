"""`tillroll demo`: the whole product on this machine, with a sandbox store."""
