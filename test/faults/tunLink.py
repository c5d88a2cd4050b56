"""A bad link between two network namespaces, for kernels without `tc netem`: two TUN devices whose packets are carried here.

usage: tunLink.py NAMESPACE_A NAMESPACE_B [--delay MS] [--jitter MS] [--loss %] [--dup %] [--reorder %] [--mtu BYTES]

The ends are 10.66.0.1 and 10.66.0.2; delays are one way, percentages are of packets. Writes "up" when both ends are there. A
line "hole on" on its standard input lets every packet vanish from then on, "hole off" ends that. Ends with its standard input.
Needs root. The devices go with this process.
"""

import argparse
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x1, 0x1000
# What is under way at most: a real link drops the rest, too.
MAX_QUEUE = 5000
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    if LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def open_end(namespace, address, mtu):
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    enter(os.open("/var/run/netns/" + namespace, os.O_RDONLY))
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH", b"bad", IFF_TUN | IFF_NO_PI))
    for command in (
        "ip address add %s/24 dev bad" % address,
        "ip link set dev bad mtu %d up" % mtu,
        "ip link set lo up",
    ):
        subprocess.check_call(command.split())
    enter(home)
    return end


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("namespaces", nargs=2)
    for name in ("delay", "jitter", "loss", "dup", "reorder"):
        parser.add_argument("--" + name, type=float, default=0)
    parser.add_argument("--mtu", type=int, default=1500)
    o = parser.parse_args()
    ends = [open_end(name, "10.66.0.%d" % (at + 1), o.mtu) for at, name in enumerate(o.namespaces)]
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    chance = random.Random(1)
    under_way, number, is_hole = [], 0, False
    stdin = sys.stdin.fileno()
    print("up", flush=True)
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        ready = select.select([*ends, stdin], [], [], wait)[0]
        if stdin in ready:
            line = os.read(stdin, 100).decode()
            if line == "":
                return
            is_hole = "on" in line
        for end in ends:
            if end not in ready:
                continue
            try:
                for _ in range(64):
                    packet = os.read(end, 65536)
                    if is_hole or chance.random() * 100 < o.loss or len(under_way) > MAX_QUEUE:
                        continue
                    late = chance.gauss(o.delay, o.jitter / 2) if o.jitter else o.delay
                    if chance.random() * 100 < o.reorder:
                        late = 0  # It overtakes those before it.
                    for _ in range(2 if chance.random() * 100 < o.dup else 1):
                        number += 1
                        heapq.heappush(under_way, (time.monotonic() + max(0, late) / 1000, number, other[end], packet))
            except BlockingIOError:
                pass
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, _, end, packet = heapq.heappop(under_way)
            try:
                os.write(end, packet)
            except OSError:
                pass  # The other end is busy: lost, as on any link.


main()
