"""Long lives of a pack on the simulator, in virtual time."""
