"""Smart sockets that give way after the loads of a pack."""
