"""SQL expressions about a row `f` of namespaces, which its follower writes."""

_FRESH = "f.lease_until > clock_timestamp() - interval '10 seconds'"

# Events come, so that the job need not be read by an interval.
FOLLOWS_JOB = f"(f.outage = '' AND {_FRESH} AND f.streaming_at > clock_timestamp() - interval '15 seconds')"

# Nomad does not answer, as a follower has seen. That holds until an answer ends it: a follower that restarts or dies
# says nothing about Nomad. Pages and claims use the same expression, since a target leaves to the pages what is shown
# for all jobs.
NOMAD_OUTAGE = "(f.outage <> '')"

# Nobody tries whether Nomad is back.
FOLLOWER_IS_GONE = f"({_FRESH}) IS NOT TRUE"
