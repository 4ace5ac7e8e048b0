"""Shared by several stores: the connection pool, and SQL that is written once."""
