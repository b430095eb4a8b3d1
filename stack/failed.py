"""What can go wrong while the system is started: always one sentence that says what, why and what to do."""

UNFIT_CODE = 78
"""The exit status of a child process that found its settings wrong (EX_CONFIG of sysexits.h)."""


class Failed(RuntimeError):
    """Something that was to be started is not there."""


class Unfit(Failed):
    """The settings are wrong or something that must be installed is missing: trying again cannot help."""
