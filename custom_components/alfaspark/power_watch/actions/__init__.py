"""Actions of the power watch: checkpoints, and the past."""
