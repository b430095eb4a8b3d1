"""A load generator in a process of its own: prepared HTTP requests over keep-alive connections, answers counted.

`python -m tests.bench.load URL CONNECTIONS SECONDS`, requests as JSON lines {"path", "headers", "body"} on standard
input. Prints one line of JSON: accepted (202 or 200), other answers, seconds, p99 in ms. aiohttp, because a pool
of httpx connections would be slower than what is measured.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import aiohttp


async def drive(url: str, requests: Iterator[dict[str, Any]], connections: int, seconds: float) -> dict[str, Any]:
    """As many requests as `connections` waiting clients send within `seconds`, each client one at a time."""
    accepted, other, latencies = 0, [], []
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as http:
        until = time.perf_counter() + seconds

        async def client() -> None:
            nonlocal accepted
            while (began := time.perf_counter()) < until and (request := next(requests, None)) is not None:
                body = request["body"].encode()
                async with http.post(url + request["path"], data=body, headers=request["headers"]) as answer:
                    told = await answer.read()
                    if answer.status in (200, 202):
                        accepted += 1
                    else:
                        other.append(f"{answer.status} {told[:200]!r}")
                latencies.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(connections)))
        took = time.perf_counter() - began
    return {
        "accepted": accepted,
        "other": other,
        "seconds": took,
        "latencies": sorted(latencies)[:: max(1, len(latencies) // 500)],
    }


if __name__ == "__main__":
    prepared = iter([json.loads(line) for line in sys.stdin])
    told = asyncio.run(drive(sys.argv[1], prepared, int(sys.argv[2]), float(sys.argv[3])))
    sys.stdout.write(json.dumps(told) + "\n")
