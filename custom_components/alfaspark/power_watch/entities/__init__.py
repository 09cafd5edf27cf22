"""Entities of power sources."""
