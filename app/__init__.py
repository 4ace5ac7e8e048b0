"""registrywatcher: continuous delivery from container registries to HashiCorp Nomad."""
