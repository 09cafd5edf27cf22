"""The Energy panel: what of the packs belongs into it, and the offer to add that."""
