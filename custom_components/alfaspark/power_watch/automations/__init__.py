"""Triggers and conditions of power sources."""
