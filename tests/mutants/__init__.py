"""Seeded bugs: each patch breaks the product in one place, and the test that it names must notice."""
