"""端末: places and zone owners, terminals, the ledger, LU registrations, recognition."""
