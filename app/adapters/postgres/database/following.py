"""SQL expressions about a row `f` of namespaces: what it says holds while its follower is alive."""

_FRESH = "f.lease_until > clock_timestamp() - interval '10 seconds'"

# Events come, so that the job need not be read by an interval.
FOLLOWS_JOB = f"(f.outage = '' AND {_FRESH} AND f.streaming_at > clock_timestamp() - interval '15 seconds')"

# Nomad does not answer, as its follower has seen.
NOMAD_OUTAGE = f"(f.outage <> '' AND {_FRESH})"
