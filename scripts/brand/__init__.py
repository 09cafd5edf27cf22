"""The project's brand images: drawn as SVG here, rendered for Home Assistant and HACS."""
