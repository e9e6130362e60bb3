# SPDX-License-Identifier: GPL-2.0
"""A program that writes to a device, and one that knows what must be there.

oracle.py load DEVICE LOG BLOCKS [WRITES]
oracle.py verify DEVICE LOG [MAIN]

Each 4 KiB block gets the number of its last write. The log says which writes
were begun and which were acknowledged (with O_DSYNC: durable), also over
several runs, so that a block must hold its last acknowledged write, or any that
was begun after it. A block that MAIN cannot read, and of which no write was acknowledged,
may be an error.
"""
import mmap
import os
import random
import struct
import sys


def read_log(path):
    done, maybe, last = {}, {}, 0
    try:
        lines = open(path).read().split("\n")
    except FileNotFoundError:
        lines = []
    for line in lines:
        f = line.split()
        if len(f) < 3 or f[2] not in ("begin", "end"):
            continue
        b, i = int(f[0]), int(f[1])
        last = max(last, i)
        if f[2] == "end":
            done[b] = i
            maybe.pop(b, None)
        else:
            maybe.setdefault(b, set()).add(i)
    return done, maybe, last


def load(dev, log, blocks, writes=None):
    i = read_log(log)[2]
    fd = os.open(dev, os.O_RDWR | os.O_DIRECT | os.O_DSYNC)
    buf = mmap.mmap(-1, 4096)
    # In user-mode Linux the log, too, is lost with the machine if it is not synced.
    sync = os.O_DSYNC if "LOG_SYNC" in os.environ else 0
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | sync)
    os.write(out, b"\n")
    n = 0
    while writes is None or n < writes:
        n += 1
        i += 1
        b = random.randrange(blocks)
        os.write(out, b"%d %d begin\n" % (b, i))
        buf[:] = struct.pack("<QQ", b, i) * 256
        os.pwrite(fd, buf, b * 4096)
        os.write(out, b"%d %d end\n" % (b, i))


def readable(fd, b):
    try:
        os.preadv(fd, [mmap.mmap(-1, 4096)], b * 4096)
    except OSError:
        return False
    return True


def verify(dev, log, main=None):
    done, maybe, _ = read_log(log)
    fd = os.open(dev, os.O_RDONLY | os.O_DIRECT)
    below = os.open(main, os.O_RDONLY | os.O_DIRECT) if main else None
    buf = mmap.mmap(-1, 4096)
    bad = 0
    for b in sorted(set(done) | set(maybe)):
        may = {(b, i) for i in maybe.get(b, ())}
        may.add((b, done[b]) if b in done else (0, 0))
        try:
            os.preadv(fd, [buf], b * 4096)
        except OSError as e:
            if b in done or below is None or readable(below, b):
                print("block %d: %s; acknowledged: %s" % (b, e, done.get(b)))
                bad += 1
            continue
        got = struct.unpack("<QQ", buf[:16])
        if buf[:] != buf[:16] * 256 or got not in may:
            print("block %d: %s instead of one of %s" % (b, got, may))
            bad += 1
    print("%d blocks compared, %d differ" % (len(set(done) | set(maybe)), bad))
    sys.exit(bad > 0)


if sys.argv[1] == "load":
    load(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:]))
else:
    verify(*sys.argv[2:])
