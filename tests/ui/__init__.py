"""The pages in a real browser: Debian's chromium against our real processes, a registry and a Nomad simulator."""
