# SPDX-License-Identifier: GPL-2.0-only
"""
A disk in memory that serves one request at a time and needs long to say that a sector
is bad: slow-disk for virtual machines, below QEMU. A plugin of nbdkit.

  nbdkit -U - python disk.py size=MIB settings=FILE --run COMMAND

FILE is read before each request: a line NAME=VALUE that is appended to it, by the guest or
on the host, changes the disk:

  error_ms      the time a request takes that fails
  service_us    the time of any other
  bad_reads     "+FIRST-LAST" or "-FIRST-LAST", more than one in a line: requests that
  bad_writes    touch these sectors fail. Of a write, what comes before the first bad
                sector is written.
  new=1         all sectors are good, and no time passes
"""
import errno
import io
import time

import nbdkit

API_VERSION = 2
SECTOR = 512

size = 0
data = None
settings = None
time_of = {}
bad = {}


def config(key, value):
    global size, settings
    if key == 'size':
        size = int(value) << 20
    elif key == 'settings':
        settings = io.open(value, 'a+', encoding='ascii')
        settings.seek(0)
    else:
        raise RuntimeError(f'unknown parameter {key}')


def config_complete():
    global data
    if not size or not settings:
        raise RuntimeError('size= and settings= must be given')
    data = bytearray(size)
    apply('new=1')


def thread_model():
    return nbdkit.THREAD_MODEL_SERIALIZE_ALL_REQUESTS


def apply(line):
    name, value = line.split('=', 1)
    if name == 'new':
        time_of.update(error_ms=0, service_us=0)
        bad.update(bad_reads=bytearray(size // SECTOR), bad_writes=bytearray(size // SECTOR))
    elif name in bad:
        for r in value.split():
            first, last = map(int, r[1:].split('-'))
            bad[name][first:last + 1] = (b'\1' if r[0] == '+' else b'\0') * (last + 1 - first)
    elif name in time_of:
        time_of[name] = int(value)
    else:
        nbdkit.debug(f'unknown setting {line}')


def first_bad(name, offset, count):
    """In bytes, or None. Takes the time of the request."""
    while True:
        at = settings.tell()
        line = settings.readline()
        if not line.endswith('\n'):
            settings.seek(at)
            break
        apply(line.strip())
    at = bad[name].find(1, offset // SECTOR, (offset + count + SECTOR - 1) // SECTOR)
    time.sleep(time_of['service_us'] / 1e6 if at < 0 else time_of['error_ms'] / 1e3)
    return None if at < 0 else max(at * SECTOR, offset)


def fail():
    nbdkit.set_error(errno.EIO)
    raise RuntimeError('a bad sector')


def open(readonly):  # pylint: disable=redefined-builtin
    return True


def get_size(_):
    return size


def pread(_, buf, offset, flags):
    if first_bad('bad_reads', offset, len(buf)) is not None:
        fail()
    buf[:] = data[offset:offset + len(buf)]


def pwrite(_, buf, offset, flags):
    end = first_bad('bad_writes', offset, len(buf))
    n = len(buf) if end is None else end - offset
    data[offset:offset + n] = buf[:n]
    if end is not None:
        fail()


def flush(_, flags):
    pass
