"""The contract of the Deployer port, on the simulator and, with NOMAD_ADDR, on a real agent: `make contract`."""
