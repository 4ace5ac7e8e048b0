"""Notifications: composed for people, and sent through the channels."""
