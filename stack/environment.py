"""What the environment says on purpose, and which part of it a child process is told."""

import os
from collections.abc import Mapping, MutableMapping

MARK = "STACK_ENV"
"""The variable of `.run/env` that lists which of its addresses and keys are the stack's own."""
KNOWN = {
    "PATH", "HOME", "USER", "LOGNAME", "TZ", "TMPDIR", "JAVA_HOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy",
    "https_proxy", "all_proxy", "no_proxy",
}  # fmt: skip
"""Variables that are passed on to children. Everything else may be a secret that is none of their business."""
ALIKE = {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2"}
"""Set for every child: file names and logs are UTF-8 in any locale, and threads share their memory."""


def forget_own(environ: MutableMapping[str, str] = os.environ) -> None:
    """Removes what came from `.run/env`, which may name servers that are long gone; what was set on purpose stays."""
    for name in environ.pop(MARK, "").split(","):
        environ.pop(name, None)


def for_child(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a child process: the known harmless variables and none of anybody's keys or passwords."""
    return {name: value for name, value in environ.items() if name in KNOWN or name.startswith("PYTHON")} | ALIKE
