"""Measurements in pairs, in one run, on this machine's loopback: `make bench`. Never a test."""
