"""Settings of packs in the units and pieces that owners use."""
