"""Is the power there? Decides from observations; knows nothing of Home Assistant and works from a script as well.

`watch` decides for all power sources together, `model` holds the words that everybody uses.
"""
