"""突合: the ledgers, the postings and what was seen, laid beside each other."""
