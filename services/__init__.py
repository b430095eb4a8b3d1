"""The three services. They share facts (`schemas`), a runtime (`chassis`) and a city pack, and nothing else."""
