"""A link between two network namespaces with delay and loss, for kernels without `tc netem`: two TUN devices, carried here.

usage: tunlink.py NAMESPACE_A NAMESPACE_B DELAY_MS LOSS_PERCENT

The ends are 10.66.0.1 and 10.66.0.2. DELAY_MS is one way and the same for each packet, LOSS_PERCENT is of packets. Writes
"up" when both ends are there and ends with its standard input. Needs root. The devices go with this process.
"""

import collections
import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
TUNSETOFFLOAD = 0x400454D0
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x1, 0x1000, 0x4000
CHECKSUM, TSO4, TSO6, TSO_ECN = 1, 2, 4, 8
# Packets that the kernel holds for us while we are not running, at a busy moment of the machine.
QUEUE_PACKETS = 20000
# A packet that is due so soon is sent now: below the resolution of the system's timers.
SOON = 0.0002
# At most so many from one side before the other has its turn.
BURST = 64

LIBC = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    if LIBC.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def open_end(namespace, address, is_lossy):
    """The packets of an interface that has this address in the namespace, as a file."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    enter(os.open("/var/run/netns/" + namespace, os.O_RDONLY))
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH", b"long", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
    # As a network card does: TCP may hand over several packets in one. Not where single packets have to get lost.
    fcntl.ioctl(end, TUNSETOFFLOAD, CHECKSUM if is_lossy else CHECKSUM | TSO4 | TSO6 | TSO_ECN)
    for command in (
        "ip address add %s/24 dev long" % address,
        "ip link set dev long mtu 1500 txqueuelen %d up" % QUEUE_PACKETS,
        "ip link set lo up",
    ):
        subprocess.check_call(command.split())
    enter(home)
    return end


def hurry():
    """Ahead of who is at work here, as a network is: packets are late by their delay and not by the load."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        pass  # A container may forbid it.


def main():
    hurry()
    first, second, delay_ms, loss_percent = sys.argv[1:]
    delay, loss = float(delay_ms) / 1000, float(loss_percent) / 100
    chance = random.Random(1).random
    a, b = open_end(first, "10.66.0.1", loss > 0), open_end(second, "10.66.0.2", loss > 0)
    # Due in the order of arrival, as the delay is the same for all.
    ways = [(a, b, collections.deque()), (b, a, collections.deque())]
    print("up", flush=True)
    stdin = sys.stdin.fileno()
    read, write, now_at = os.read, os.write, time.monotonic
    while True:
        due = min((queue[0][0] for _, _, queue in ways if queue), default=None)
        wait = None if due is None else max(0.0, due - now_at())
        ready = select.select([a, b, stdin], [], [], wait)[0]
        if stdin in ready and not read(stdin, 1):
            return
        for come, go, queue in ways:
            if come in ready:
                try:
                    for _ in range(BURST):
                        packet = read(come, 70000)
                        if not loss or chance() >= loss:
                            queue.append((now_at() + delay, packet))
                except BlockingIOError:
                    pass
            until = now_at() + SOON
            while queue and queue[0][0] <= until:
                try:
                    write(go, queue.popleft()[1])
                except OSError:
                    pass  # Lost, as on any link: the other end is busy, or the packet is none that it takes.


main()
