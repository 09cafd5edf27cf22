"""Both codecs against cantools."""
