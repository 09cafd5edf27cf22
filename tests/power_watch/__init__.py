"""Tests of the power watch in Home Assistant."""
