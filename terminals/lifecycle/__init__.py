"""Life cycle of terminals: from procurement to reuse or disposal, one operation per transition."""
