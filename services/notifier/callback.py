"""One POST and its outcome: address checked and pinned, no redirect, 15 s, 64 kB of answer, nothing unpacked."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from services.notifier.address import Refused, read_address, why_refused
from services.notifier.attempt import Attempt, retry_after_of

TIMEOUT = aiohttp.ClientTimeout(total=15, connect=10)
MOST_ANSWER = 65_536
HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "suishoupai-notifier"}

LookUp = Callable[[str, int], Awaitable[list[str]]]


async def look_up(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver knows for `host`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class PinnedAddresses(AbstractResolver):
    """Resolves once for each connection and hands out only what may be called: what was checked is what is called."""

    def __init__(self, local_mode: bool, look_up: LookUp) -> None:
        self._local_mode, self._look_up = local_mode, look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of `host`; one that is refused refuses the host (OSError)."""
        loopback_only = self._local_mode and host == "localhost"
        addresses = await self._look_up(host, port)
        for address in addresses:
            if reason := why_refused(ipaddress.ip_address(address.partition("%")[0]), loopback_only):
                raise OSError(reason)
        return [
            ResolveResult(
                hostname=host, host=address, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            )
            for address in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing to close."""


class Callbacks:
    """Sends callbacks. One session without a limit of its own: each endpoint's lane bounds what is open to it."""

    def __init__(self, local_mode: bool, now: Callable[[], datetime], look_up: LookUp = look_up) -> None:
        """Call inside the running loop. `look_up` resolves a name to addresses."""
        self._local_mode, self._now = local_mode, now
        self._session = session(aiohttp.TCPConnector(
            limit=0, use_dns_cache=False, resolver=PinnedAddresses(local_mode, look_up), keepalive_timeout=20,
        ))  # fmt: skip

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Attempt:
        """One attempt. The address is read again, because its rules may be newer than its registration."""
        address = read_address(url, self._local_mode)
        if isinstance(address, Refused):
            return Attempt(self._now(), "unavailable", detail=address.reason)
        return await post(self._session, address.url, body, headers, self._now)

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()


def session(connector: aiohttp.BaseConnector | None = None) -> aiohttp.ClientSession:
    """A session that keeps no cookies, trusts no proxy variables and unpacks nothing."""
    return aiohttp.ClientSession(
        connector=connector, timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False,
        headers=HEADERS, trust_env=False,
    )  # fmt: skip


async def post(
    client: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str], now: Callable[[], datetime]
) -> Attempt:
    """2xx is delivered, 410 gone, everything else unavailable."""
    try:
        async with client.post(URL(url, encoded=True), data=body, headers=headers, allow_redirects=False) as answer:
            await _read_some(answer)
            at, status = now(), answer.status
            if 200 <= status < 300:
                return Attempt(at, "delivered", detail=str(status))
            asked = retry_after_of(answer.headers.get("Retry-After"), at)
            return Attempt(at, "gone" if status == 410 else "unavailable", asked, str(status))
    except TimeoutError:
        return Attempt(now(), "unavailable", detail="timeout")
    except (aiohttp.ClientError, OSError) as why:
        return Attempt(now(), "unavailable", detail=_cause(why))


async def _read_some(answer: aiohttp.ClientResponse) -> None:
    room = MOST_ANSWER
    while room > 0 and (chunk := await answer.content.read(room)):
        room -= len(chunk)
    if room <= 0:
        answer.close()  # endless or large: the connection is not worth keeping


def _cause(why: BaseException) -> str:
    inner = getattr(why, "os_error", None) or why
    text = str(inner)
    return text if text.startswith("address_") else type(inner).__name__
