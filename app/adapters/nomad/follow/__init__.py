"""Follows a registration to its end: waits for changes, takes snapshots, promotes or fails the deployment."""
