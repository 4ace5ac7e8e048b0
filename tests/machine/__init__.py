"""A state machine over the real services: every order of their steps, decided by Hypothesis, with crashes and freezes.

Postgres and the Nomad adapter are real; the registry is in memory, Nomad is the simulator. Nothing runs by itself.
"""
