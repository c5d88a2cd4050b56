"""What the tests of the local network need of raw sockets, which Node does not have.

packets.py sniff        one JSON line for each kind of packet seen on any interface, the first time, and for each beacon; "ready" first
packets.py forge        reads lines {"from", "fromPort", "to", "toPort", "hex"} and sends each as a UDP packet from there
"""

import json
import socket
import struct
import sys

BEACON_PORT = 47687


def sniff() -> None:
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    print('"ready"', flush=True)
    seen = set()
    while True:
        frame, (interface, *_) = ear.recvfrom(65535)
        if len(frame) < 34 or frame[12:14] != b"\x08\x00":
            continue
        packet = frame[14:]
        header = (packet[0] & 15) * 4
        protocol = packet[9]
        port = struct.unpack("!H", packet[header + 2 : header + 4])[0] if protocol in (6, 17) else 0
        if protocol == 17 and port == BEACON_PORT:
            payload = packet[header + 8 : struct.unpack("!H", packet[2:4])[0]]
            print(json.dumps({"from": socket.inet_ntoa(packet[12:16]), "hex": payload.hex()}), flush=True)
        kind = (interface, protocol, socket.inet_ntoa(packet[12:16]), socket.inet_ntoa(packet[16:20]), port)
        if kind in seen:
            continue
        seen.add(kind)
        names = ("interface", "protocol", "from", "to", "port")
        print(json.dumps(dict(zip(names, kind))), flush=True)


def forge() -> None:
    mouth = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    for line in sys.stdin:
        order = json.loads(line)
        payload = bytes.fromhex(order["hex"])
        udp = struct.pack("!HHHH", order["fromPort"], order["toPort"], 8 + len(payload), 0) + payload
        source, target = (socket.inet_aton(order[name]) for name in ("from", "to"))
        # The kernel fills in length, identification and checksum of the header.
        mouth.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, 17, 0, source, target) + udp, (order["to"], 0))
        print('"sent"', flush=True)


{"sniff": sniff, "forge": forge}[sys.argv[1]]()
