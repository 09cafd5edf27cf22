"""Speaks to the packs on a CAN bus; knows nothing of Home Assistant and works from a script as well.

`adapter` carries frames, `frames` gives them meaning, `fleet` keeps what the packs said, `client` asks and commands.
"""
