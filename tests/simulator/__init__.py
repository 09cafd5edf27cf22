"""alfaspark-sim from outside: its command line, its control socket, its slcan adapters and its line to a BMS."""
