"""Smart sockets."""
