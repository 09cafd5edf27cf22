"""Tests of what speaks to the packs; nothing here needs Home Assistant to run."""
