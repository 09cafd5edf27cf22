"""Tests of what the power watch tells its owner."""
