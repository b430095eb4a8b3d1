"""Names of the crash windows: where a test may stop, kill or cut this process. In the product nothing happens."""


def reach(place: str) -> None:
    """Marks a crash window. Call as `faults.reach("router.committed")`, never by an imported name."""
