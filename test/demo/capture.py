"""Watches the loopback interface for what DDS sends."""

import socket
import struct
import time

# DDS Security 1.1, 7.3.6.2: the submessage that begins an encrypted RTPS message.
_SRTPS_PREFIX = 0x33
_ETHERTYPE_IP = 0x0800
_RTPS_HEADER = 20


def count_rtps(enough, smallest, seconds):
    """Captures `enough` RTPS messages of at least `smallest` octets, or as many as come within `seconds`. Returns how many
    those were and how many of them are encrypted."""
    seen = encrypted = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETHERTYPE_IP)) as tap:
        tap.bind(("lo", _ETHERTYPE_IP))
        end = time.monotonic() + seconds
        while seen < enough and (left := end - time.monotonic()) > 0:
            tap.settimeout(left)
            try:
                packet = tap.recv(65535)
            except socket.timeout:
                break
            header = (packet[0] & 0x0F) * 4
            protocol, fragment = packet[9], struct.unpack_from(">H", packet, 6)[0] & 0x1FFF
            message = packet[header + 8:]
            if protocol != socket.IPPROTO_UDP or fragment or message[:4] != b"RTPS" or len(message) < smallest:
                continue
            seen += 1
            encrypted += len(message) > _RTPS_HEADER and message[_RTPS_HEADER] == _SRTPS_PREFIX
    return seen, encrypted
