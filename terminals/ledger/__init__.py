"""端末配備先情報: receiving the terminal contractor's ledger."""
