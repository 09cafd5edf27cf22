"""Writes the C++ and the Python codec from the DBC and the tables beside it."""
