"""Consuming so that nothing is lost, producing so that nothing is doubled, parking what cannot be read."""
