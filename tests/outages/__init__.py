"""Tests of what decides whether the power is there."""
