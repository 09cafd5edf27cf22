"""How often is looked."""

from datetime import timedelta

from custom_components.alfaspark.outages.model import Rule


def interval(rule: Rule) -> timedelta:
    """Return the time between two looks at a checkpoint of a source with this rule."""
    return timedelta(seconds=rule.interval_s)
