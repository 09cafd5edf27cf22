"""End to end: a real Home Assistant, the firmware's own code in simulated packs, a bus between them."""
