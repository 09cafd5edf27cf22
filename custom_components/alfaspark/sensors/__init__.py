"""What the sensor platform shows: descriptions and entities, one file for each kind of owner."""
