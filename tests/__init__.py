"""Tests, in the order of what they test: tests/ mirrors custom_components/alfaspark."""
