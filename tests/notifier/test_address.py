"""Which callback addresses are refused, and by which reason."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.address import LONGEST_URL, Address, Refused, read_address, why_refused

LONG = "https://example.com/" + "a" * (LONGEST_URL - 20)
PRIVATE = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254",
    "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
    "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:db8::1",
    "2002:7f00:1::", "2002:808:808::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "5f00::1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2400:3200::1"]


def in_url(ip: str) -> str:
    return f"https://[{ip}]/x" if ":" in ip else f"https://{ip}/x"


def reason(url: str, local_mode: bool = False) -> str | None:
    told = read_address(url, local_mode)
    return told.reason if isinstance(told, Refused) else None


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com", "https://example.com/", "https://example.com/a?b=c&d=%20", "https://example.com:443/",
        "https://example.com:8443/", "https://example.com:/", "HTTPS://EXAMPLE.COM/x", "https://xn--fiq228c.cn/x",
        "https://a-b.c1.example/", LONG, *map(in_url, PUBLIC),
    ],
)  # fmt: skip
def test_a_public_https_address_is_called_as_it_was_written(url: str) -> None:
    told = read_address(url, local_mode=False)

    assert isinstance(told, Address)
    assert (url, False) == (told.url, told.loopback_only)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "scheme_not_https"), ("ftp://example.com/", "scheme_not_https"),
        ("//example.com/", "scheme_not_https"), ("gopher://example.com:443/", "scheme_not_https"),
        ("https://example.com:80/", "port_barred"), ("https://example.com:22/", "port_barred"),
        ("https://example.com:0/", "port_barred"), ("https://example.com:8080/", "port_barred"),
        ("https://example.com:65536/", "url_unfit"), ("https://example.com:x/", "url_unfit"),
        ("https://a:b@example.com/", "url_userinfo"), ("https://@example.com/", "url_userinfo"),
        ("https://example.com:443@127.0.0.1/", "url_userinfo"), ("https://a%40b@example.com/", "url_userinfo"),
        ("https://example.com/#part", "url_unfit"), ("https://example.com#@127.0.0.1/", "url_unfit"),
        ("https://example.com\\@127.0.0.1/", "url_unfit"), ("https:\\\\127.0.0.1/", "url_unfit"),
        (LONG + "a", "url_unfit"), ("", "url_unfit"), ("https://例子.中国/", "url_unfit"),
        ("https://exa mple.com/", "url_unfit"), ("https://example.com/\r\nHost: x", "url_unfit"),
        ("https://example.com/\t", "url_unfit"), ("https://example.com/\x00", "url_unfit"),
        ("https://[::1/", "url_unfit"), ("https://①②⑦.0.0.1/", "url_unfit"),
        ("https://", "host_unfit"), ("https:///x", "host_unfit"), ("https://:443/", "host_unfit"),
        ("mailto:a", "host_unfit"), ("https://a_b.example/", "host_unfit"), ("https://-a.example/", "host_unfit"),
        ("https://a..example/", "host_unfit"), ("https://example.com./", "host_unfit"),
        (f"https://{'a' * 64}.example/", "host_unfit"), (f"https://{'a.' * 127}example/", "host_unfit"),
        ("https://localhost/", "address_barred"), ("https://LOCALHOST:8443/", "address_barred"),
        ("https://a.localhost/", "address_barred"), ("https://[fe80::1%25eth0]/", "address_barred"),
    ],
)  # fmt: skip
def test_what_is_not_a_public_https_address_is_refused_by_reason(url: str, why: str) -> None:
    assert why == reason(url)


@pytest.mark.parametrize(
    "host",
    ["0x7f.0.0.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "0",
     "127.0.0.1.", "%31%32%37.0.0.1", "127.0.0.1%2f", "127.0.0.1%00.example.com", "00127.0.0.1", "1.2.3.4.5",
     "127.0.0.0x1", "0300.0250.0.1", "[::ffff:0x7f.1]"],
)  # fmt: skip
@pytest.mark.parametrize("local_mode", [False, True])
def test_odd_notations_of_an_ip_address_are_no_hosts(host: str, local_mode: bool) -> None:
    assert reason(f"https://{host}/", local_mode) in ("host_unfit", "url_unfit")


@pytest.mark.parametrize("ip", PRIVATE)
def test_addresses_that_only_we_can_reach_are_barred_in_a_url_and_as_the_answer_to_a_name(ip: str) -> None:
    assert ("address_barred", "address_barred") == (
        reason(in_url(ip)), why_refused(ipaddress.ip_address(ip), loopback_only=False),
    )  # fmt: skip


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_addresses_are_not(ip: str) -> None:
    assert None is why_refused(ipaddress.ip_address(ip), loopback_only=False)


@given(
    st.sampled_from(["10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
                     "192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4"]).flatmap(
        lambda network: st.ip_addresses(v=4, network=network)
    )
)  # fmt: skip
def test_no_address_of_a_private_network_passes(ip: ipaddress.IPv4Address) -> None:
    assert "address_barred" == why_refused(ip, loopback_only=False)


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::", "2002::", "::"]))
def test_no_ipv4_address_passes_in_the_clothes_of_ipv6(ip: ipaddress.IPv4Address, clothes: str) -> None:
    shift = 80 if clothes == "2002::" else 0
    dressed = ipaddress.IPv6Address(int(ipaddress.IPv6Address(clothes)) + (int(ip) << shift))

    assert "address_barred" == why_refused(dressed, loopback_only=False)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/x", "http://localhost/x", "http://localhost:1/x", "http://[::1]:9/x", "http://127.8.8.8/x",
     "https://localhost:8443/x", "HTTP://LOCALHOST:5/x"],
)  # fmt: skip
def test_local_mode_admits_this_machine_and_binds_the_name_to_it(url: str) -> None:
    told = read_address(url, local_mode=True)

    assert isinstance(told, Address)
    assert (url, True) == (told.url, told.loopback_only)
    assert reason(url) in ("scheme_not_https", "address_barred")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://example.com/", "scheme_not_https"), ("http://10.0.0.1/", "scheme_not_https"),
        ("http://0.0.0.0/", "scheme_not_https"), ("https://10.0.0.1/", "address_barred"),
        ("https://169.254.169.254/", "address_barred"), ("http://localhost.example.com/", "scheme_not_https"),
        ("https://example.com:80/", "port_barred"), ("ftp://localhost/", "scheme_not_https"),
        ("http://a@localhost/", "url_userinfo"), ("http://localhost/#x", "url_unfit"),
    ],
)  # fmt: skip
def test_local_mode_admits_nothing_else(url: str, why: str) -> None:
    assert why == reason(url, local_mode=True)


@pytest.mark.parametrize(
    ("ip", "why"),
    [("127.0.0.1", None), ("127.9.9.9", None), ("::1", None), ("8.8.8.8", "address_not_loopback"),
     ("10.0.0.1", "address_not_loopback"), ("::", "address_not_loopback"), ("fe80::1", "address_not_loopback")],
)  # fmt: skip
def test_a_name_of_this_machine_may_lead_to_this_machine_only(ip: str, why: str | None) -> None:
    assert why == why_refused(ipaddress.ip_address(ip), loopback_only=True)
