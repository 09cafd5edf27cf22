"""What happens to packs: told to automations and the logbook, and which packs an automation means."""
