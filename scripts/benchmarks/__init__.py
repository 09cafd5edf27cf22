"""What AlfaSpark costs and how fast it is: one module a benchmark, `scripts/bench` runs them.

docs/performance.md says how each figure is measured and against what.
"""
