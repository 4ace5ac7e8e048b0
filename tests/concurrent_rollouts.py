"""Counts our rollouts that ran at the same time in Nomad. It uses Nomad's indexes, so clocks do not matter."""

from app.simulators.nomad import Simulator


def most_concurrent_rollouts(nomad: Simulator) -> int:
    """The largest number of deployments of our registrations that were running at one time."""
    ours = {entry.job_modify_index for entry in nomad.ledger.entries()}
    with nomad.at_work() as world:
        deployments = [each for each in world.deployments.values() if each.job_modify_index in ours]
    steps = [(each.create_index, 1) for each in deployments]
    steps += [(each.modify_index, -1) for each in deployments if each.terminal]
    most = now = 0
    for _, step in sorted(steps):
        now += step
        most = max(most, now)
    return most
