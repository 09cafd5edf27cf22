"""The power watch: joins the outages engine to Home Assistant and tells the owner."""
