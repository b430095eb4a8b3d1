"""Bodies, problems, health, metrics and the way a process starts and stops."""
