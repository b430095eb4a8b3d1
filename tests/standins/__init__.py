"""Stand-ins: other people's programs, played over HTTP alone. None of them imports a service."""
