"""Alerts: what the owner is told, whom, and how it gets there."""
