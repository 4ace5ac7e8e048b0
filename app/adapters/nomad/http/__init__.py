"""HTTP to one Nomad agent: the connection and its trust, calls, tokens and blocking queries."""
