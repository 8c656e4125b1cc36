"""What several commands share: services, output, options, accounts, the choice of a store."""
