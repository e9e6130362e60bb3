#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
The life of a disk, as the manual tells it: runs the commands of that section and
compares what they print with what the manual says they print.

Usage: life.py MANUAL NEW    in a virtual machine with no disks

From the line ".. life: begin" to ".. life: end", a line of a literal block that
begins with "# " is a command, and what follows it is what a terminal of 80 columns
shows. The comments between say what happens to the disk:

   .. life: fails FILE BLOCK...    these blocks of a file can neither be read nor written

UUIDs are other ones each time: the first of the manual is the first that is printed,
and so on; times, slots, the version of e2fsck, and in how many writes the page cache
wrote bad blocks are not compared. The disks are null_blk; what udevd and smartctl would
tell of them is told here. When anything differs, NEW is the manual with what was printed.
"""
import difflib
import os
import pathlib
import pty
import random
import re
import select
import subprocess
import sys

SRV = 2048, 264191          # the partitions of the disk, in sectors
VAULT = 264192, 524254
DISKS = {                   # MiB, model, serial number, WWN
    'sdb': (256, 'ST4000VN008', 'ZGY0A1B2', '0x5000c500a1b2c3d4'),
    'sdc': (64, 'INTEL_SSDSC2BB', 'BTWL3325', '0x55cd2e404b6a1111'),
    'sdd': (96, 'INTEL_SSDSC2KB', 'PHYF8421', '0x55cd2e4150782222'),
    'sde': (256, 'ST4000VN006', 'ZW60K9L8', '0x5000c500e5f63333'),
}
SMART = '''{ "smartctl": {}, "model_name": "ST4000VN008", "serial_number": "ZGY0A1B2",
"power_on_time": { "hours": 41236 }, "ata_smart_attributes": { "table": [
{ "id": 5, "raw": { "value": 24, "string": "24" } },
{ "id": 197, "raw": { "value": 8, "string": "8" } } ] } }'''
ROOM = pathlib.Path('/run/test/life')
CONFIG = pathlib.Path('/sys/kernel/config/nullb')
# What is another one each time, or on another machine.
VARIABLE = re.compile(r'for \d+\.\d s$|^   e2fsck \d.*|(?<=\d) +\d+ remapped$|'
                      r'(?<=writes failed: )\d+')
UUID = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')


def run(*words, **more):
    return subprocess.run(words, check=True, text=True, capture_output=True, **more).stdout


def settle():
    """As udevd does when a disk has been written to: its partitions, and their nodes."""
    for disk in DISKS:
        # One that is in use has those that it had.
        subprocess.run(['blockdev', '--rereadpt', f'/dev/{disk}'], capture_output=True)
        for part in pathlib.Path(f'/sys/block/{disk}').glob(f'{disk}*'):
            node = pathlib.Path('/dev', part.name)
            if not node.exists():
                run('mknod', str(node), 'b', *(part / 'dev').read_text().strip().split(':'))


def make_disk(name, mib, model, serial, wwn):
    (CONFIG / name).mkdir()
    for key, value in (('size', mib), ('blocksize', 512), ('memory_backed', 1),
                       ('badblocks', '+0-0'), ('badblocks', '-0-0'), ('power', 1)):
        (CONFIG / name / key).write_text(str(value))
    dev = pathlib.Path(f'/sys/block/{name}/dev').read_text().strip()
    known = pathlib.Path('/run/udev/data')
    known.mkdir(parents=True, exist_ok=True)
    (known / f'b{dev}').write_text(
        f'I:1\nE:ID_MODEL={model}\nE:ID_SERIAL_SHORT={serial}\n'
        f'E:ID_SERIAL={model}_{serial}\nE:ID_WWN={wwn}\nE:ID_WWN_WITH_EXTENSION={wwn}\nV:1\n')


def make_world():
    """The machine before the first command: a disk with two partitions, in use for years."""
    for name, disk in DISKS.items():
        make_disk(name, *disk)
    for folder in ('bin', 'files', 'vault'):
        (ROOM / folder).mkdir(parents=True)
    for folder in ('/backup', '/srv', '/vault'):
        os.makedirs(folder, exist_ok=True)
    (ROOM / 'bin/dmremap').symlink_to(os.environ['DMREMAP'])
    (ROOM / 'bin/smartctl').write_text(f"#!/bin/sh\ncat <<'END'\n{SMART}\nEND\n")
    (ROOM / 'bin/smartctl').chmod(0o755)
    contents = random.Random(1)
    for name, mib in (('files/photos.tar', 24), ('files/ledger.db', 4), ('vault/letters.tar', 16)):
        (ROOM / name).write_bytes(contents.randbytes(mib << 20))
        (pathlib.Path('/backup') / pathlib.Path(name).name).write_bytes((ROOM / name).read_bytes())
    pathlib.Path('/root/vault.key').write_bytes(b'a key')
    run('sgdisk', '-U', '11111111-2222-3333-4444-555555555555', '-n', '1:%d:%d' % SRV,
        '-n', '2:%d:%d' % VAULT, '/dev/sdb')
    settle()
    ext4 = ('mke2fs', '-q', '-t', 'ext4', '-b', '4096', '-E',
            'lazy_itable_init=0,lazy_journal_init=0,hash_seed=11111111-2222-3333-4444-555555555555',
            '-U', '22222222-3333-4444-5555-666666666666')
    run(*ext4, '-d', str(ROOM / 'files'), '/dev/sdb1')
    run('cryptsetup', '-q', 'luksFormat', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000',
        '/dev/sdb2', '/root/vault.key')
    run('cryptsetup', 'open', '--key-file', '/root/vault.key', '/dev/sdb2', 'vault')
    run(*ext4, '-d', str(ROOM / 'vault'), '/dev/mapper/vault')
    run('cryptsetup', 'close', 'vault')
    run('sync')


def fails(path, *blocks):
    """Blocks of a file that is on the first partition."""
    out = run('filefrag', '-b4096', '-v', path)
    pieces = [tuple(map(int, m)) for m in
              re.findall(r'^ *\d+: +(\d+)\.\. +\d+: +(\d+)\.\. +\d+: +(\d+):', out, re.M)]
    for block in map(int, blocks):
        for logical, physical, count in pieces:
            if logical <= block < logical + count:
                start = SRV[0] + 8 * (physical + block - logical)
                (CONFIG / 'sdb/badblocks').write_text(f'+{start}-{start + 7}')
                break
        else:
            raise ValueError(f'{path} has no block {block}')
    # What was read before is not known any more.
    pathlib.Path('/proc/sys/vm/drop_caches').write_text('3')


def shown(raw):
    """What is left on a terminal when the command has ended."""
    text = raw.decode().replace('\r\n', '\n')
    text = re.sub(r'[^\n]*\r\x1b\[K', '', text)
    return [line.rstrip() for line in text.rstrip('\n').split('\n')] if text.strip() else []


def at_terminal(command):
    """Run it; whoever is asked for YES says it."""
    env = dict(os.environ, PATH=f'{ROOM}/bin:/usr/sbin:/usr/bin:/sbin:/bin', NO_COLOR='1',
               LC_ALL='C.UTF-8', TERM='xterm', COLUMNS='80')
    pid, fd = pty.fork()
    if not pid:
        os.chdir('/root')
        os.execve('/bin/bash', ['bash', '-c', f'stty cols 80 rows 24; {command}'], env)
    raw, asked = b'', 0
    while True:
        try:
            more = os.read(fd, 65536) if select.select([fd], [], [], 300)[0] else None
        except OSError:
            break
        if not more:
            break
        raw += more
        if raw.count(b'capital letters): ') > asked:
            asked += 1
            os.write(fd, b'YES\n')
    os.waitpid(pid, 0)
    os.close(fd)
    return shown(raw)


def pieces(lines):
    """Of the section: (kind, lines), kind one of text, event, command, output."""
    inside = literal = False
    for line in lines:
        if line == '.. life: begin':
            inside = True
        elif line == '.. life: end':
            inside = False
        elif inside and line.startswith('.. life: '):
            yield 'event', line
            continue
        elif inside and line.startswith('   # '):
            literal = True
            yield 'command', line
            continue
        elif inside and literal and (line.startswith('   ') or not line):
            yield 'output', line
            continue
        literal = False
        yield 'text', line


def masked(lines):
    names = {}
    return [UUID.sub(lambda m: names.setdefault(m[0], f'UUID-{len(names)}'),
                     VARIABLE.sub('(varies)', line)) for line in lines]


def main():
    manual = pathlib.Path(sys.argv[1]).read_text().split('\n')
    told, found, want, blanks = [], [], [], []
    commands = 0
    make_world()
    for kind, line in pieces(manual):
        if kind == 'output':
            # Blank lines before text are no output.
            if line:
                want += blanks + [line]
                blanks = []
            else:
                blanks.append('')
            continue
        told += blanks + [line]
        blanks = []
        if kind == 'event':
            word, *rest = line.split()[2:]
            {'fails': fails}[word](*rest)
        elif kind == 'command':
            commands += 1
            out = [f'   {text}'.rstrip() for text in at_terminal(line[5:])]
            settle()
            told += out
            want.append(line)
            found += [line] + out
    differs = list(difflib.unified_diff(masked(want), masked(found), 'the manual',
                                        'the commands', lineterm=''))
    if differs:
        text = '\n'.join(told)
        new = list(dict.fromkeys(UUID.findall(text)))
        for there, here in zip(new, dict.fromkeys(UUID.findall('\n'.join(manual)))):
            text = text.replace(there, here)
        pathlib.Path(sys.argv[2]).write_text(text)
    print('\n'.join(differs))
    print(f'{commands} commands')
    return bool(differs) or commands < 20


sys.exit(main())
