"""What is kept up with each pack: its settings, its clock and its import of the day."""
