"""Real servers for the tests: Postgres, Valkey, HTTP on a free port, a misbehaving proxy, throw-away certificates."""
