"""Faults under load: one system, many actors, nemeses, and a checker that trusts none of them."""
