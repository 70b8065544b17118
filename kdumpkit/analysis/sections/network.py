"""Network devices: up or down, with or without carrier, and their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kdumpkit.analysis.sections.section import Section
from kdumpkit.analysis.sections.table import SectionTable, counted, listed

if TYPE_CHECKING:
    from kdumpkit.analysis.drgn_session import DrgnSession

_MOST_DEVICES = 10_000
_MOST_SHOWN = 100
_MOST_ADDRESSES = 16
#: include/uapi/linux/if.h: IFF_UP
_UP = 1
#: include/linux/netdevice.h, enum netdev_state_t: __LINK_STATE_NOCARRIER
_NO_CARRIER_BIT = 2
#: enum netdev_queue_state_t: __QUEUE_STATE_DRV_XOFF
_STOPPED = 1


@dataclass(frozen=True)
class NetworkDevice:
    """One device of the first network namespace."""

    name: str
    up: bool
    #: a link partner was there
    carrier: bool
    mtu: int
    #: at most 16; None where they cannot be read
    addresses: tuple[str, ...] | None
    transmit_queues: int
    #: of them stopped by the driver: it had no room for more packets
    stopped_queues: int


@dataclass(frozen=True)
class Network:
    """All devices of the first network namespace."""

    devices_in_all: int
    #: at most 100
    devices: tuple[NetworkDevice, ...]


def read_network(session: DrgnSession) -> Network:
    """Network devices out of an open dump."""
    from drgn.helpers.linux.net import for_each_netdev

    found: list[NetworkDevice] = []
    number = 0
    for device in for_each_netdev(session.program):
        number += 1
        if number > _MOST_DEVICES:
            break
        if len(found) < _MOST_SHOWN:
            found.append(_read_device(device))
    return Network(number, tuple(found))


def _read_device(device: Any) -> NetworkDevice:
    queues = device.num_tx_queues.value_()
    return NetworkDevice(
        name=device.name.string_().decode("utf-8", "replace"),
        up=bool(device.flags.value_() & _UP),
        carrier=not device.state.value_() >> _NO_CARRIER_BIT & 1,
        mtu=device.mtu.value_(),
        addresses=_addresses(device),
        transmit_queues=queues,
        stopped_queues=sum(bool(device._tx[number].state.value_() & _STOPPED) for number in range(min(queues, 4096))),
    )


def _addresses(device: Any) -> tuple[str, ...] | None:
    from drgn.helpers.linux.net import netdev_ipv4_addrs, netdev_ipv6_addrs

    found: list[str] = []
    read = False
    for addresses in (netdev_ipv4_addrs, netdev_ipv6_addrs):
        try:
            found += [str(address) for address in addresses(device)]
            read = True
        except Exception:  # a kernel without IPv6 has no such types; IPv4 may be there
            continue
    return tuple(found[:_MOST_ADDRESSES]) if read else None


def describe_network(found: Network) -> tuple[SectionTable, ...]:
    """One line for each device."""
    rows = tuple(
        (
            device.name,
            "up" if device.up else "down",
            "" if device.carrier else "no carrier",
            "not known" if device.addresses is None else listed(device.addresses, 4),
            str(device.mtu),
            f"{device.stopped_queues} of {device.transmit_queues}" if device.stopped_queues else "",
        )
        for device in found.devices
    )
    sentence = f"{counted(found.devices_in_all, 'network device')}, {sum(device.up for device in found.devices)} up."
    return (SectionTable("Network", sentence, ("device", "", "", "addresses", "mtu", "stopped queues"), rows),)


SECTION = Section("network", Network, read_network, describe_network)
