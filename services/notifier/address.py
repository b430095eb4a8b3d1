"""Which callback addresses are refused: a registered URL must not make us call what only we can reach."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL = 2000
PORTS = frozenset({443, 8443})
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_TEXT = re.compile(r"[\x21-\x7e]+")
_BARRED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT, a cloud's metadata among it
        "168.63.129.16/32",  # a cloud's metadata on a public address
        "192.0.0.0/24",  # IETF protocol assignments; another cloud's metadata among them
        "192.88.99.0/24",
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2001::/23",  # Teredo, benchmarking, ORCHID
        "2002::/16",  # 6to4
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that may be called, as long as its host resolves to addresses that may be. `url` is the text to call."""

    url: str
    host: str
    ip: IP | None
    loopback_only: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an address is not called: a stable reason."""

    reason: str


def read_address(url: str, local_mode: bool) -> Address | Refused:
    """The address in `url`, or why it is refused. Names are not resolved here; see `why_refused` for what they give.

    https on port 443 or 8443 only; in local mode also http, and any port, of this machine.
    """
    if len(url) > LONGEST_URL or not _TEXT.fullmatch(url) or "\\" in url or "#" in url:
        return Refused("url_unfit")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return Refused("url_unfit")
    if "@" in parts.netloc:
        return Refused("url_userinfo")
    ip = _literal(host)
    if ip is None and not _NAME.fullmatch(host):
        return Refused("host_unfit")
    if local_mode and _is_here(host, ip) and parts.scheme in ("http", "https"):
        return Address(url, host, ip, loopback_only=True)
    return _public(Address(url, host, ip, loopback_only=False), parts.scheme, 443 if port is None else port)


def _public(address: Address, scheme: str, port: int) -> Address | Refused:
    if scheme != "https":
        return Refused("scheme_not_https")
    if port not in PORTS:
        return Refused("port_barred")
    if address.host == "localhost" or address.host.endswith(".localhost"):
        return Refused("address_barred")
    if address.ip is not None and (reason := why_refused(address.ip, loopback_only=False)):
        return Refused(reason)
    return address


def why_refused(ip: IP, loopback_only: bool) -> str | None:
    """Why this IP address is not connected to; None when it may be. `loopback_only` is the local mode's exception."""
    if loopback_only:
        return None if ip.is_loopback else "address_not_loopback"
    if any(ip in network for network in _BARRED if network.version == ip.version):
        return "address_barred"
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_V6:
        return "address_barred"  # mapped, local, link-local, multicast: everything that is not plainly public
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return "address_barred"
    return None


def _literal(host: str) -> IP | None:
    """Strict dotted quads and IPv6; odd notations (0x7f.1, 2130706433, 0177.0.0.1) stay names, which no rule admits."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_here(host: str, ip: IP | None) -> bool:
    return host == "localhost" or (ip is not None and ip.is_loopback)
