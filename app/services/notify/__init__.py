"""Notifications on their way: composed for people, and sent through the channels."""
