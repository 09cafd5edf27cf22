"""Who looks at checkpoints: packs, entities, MQTT topics and devices in the network."""
