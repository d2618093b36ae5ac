"""All that brings the product up: embedded services, database roles, `make run`, containers."""
