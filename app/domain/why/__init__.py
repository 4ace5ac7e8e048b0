"""Why a tag runs or does not: stored facts in, exactly one outcome for each tag out. Pure."""
