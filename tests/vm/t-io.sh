# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# I/O of all sizes and alignments over bad blocks.

# writes and reads from 512 bytes to 1 MiB, at all alignments, over bad sectors,
# blocks and long ranges, twice
t_sizes() {
	local r ill=(9 1000-1007 1020 4003-4004 4040-4111 8192-8703 20000 20009 20018
		20027 20036 20045 32760-32767)

	disk main 16
	disk spare 16
	vmio fill /dev/main 0 32768 1
	bad main "${ill[@]}"
	remap /dev/main /dev/spare
	# Nothing but these, so that the rest of their blocks stays where it is.
	for r in "${ill[@]}"; do
		vmio write "$R" "${r%-*}" $((${r#*-} - ${r%-*} + 1)) 1
	done
	vmio sweep "$R" 32768 1 250 model
	bad main 3000-3007 12345 16384-16399
	# What dies later dies with its data: write it before it is read.
	vmio fill "$R" 0 32768 1
	rm model
	vmio sweep "$R" 32768 2 250 model
	is lost_sectors=0 propagated=0 mode=rw
	dmsetup remove remap
	remap /dev/main /dev/spare
	vmio verify "$R" 0 32768 model
}

# writes that fail while reads go on (the disk's own remapping is full): no data
# is lost at all, so a verified load sees no error while the bad blocks multiply
t_write_only_errors() {
	local i spec=() storm
	disk main 16
	disk spare 16
	vmio fill /dev/main 0 32768 1
	layered ill /dev/main
	remap /dev/mapper/ill /dev/spare
	vmio storm "$R" 0 32768 6 300 model >storm.out &
	storm=$!
	for i in 1 2 3 4 5 6; do
		spec+=("w:$((i * 4000))-$((i * 4000 + i * 37))")
		relayer ill /dev/main "${spec[@]}"
		sleep 0.2
	done
	eventually 280 twenty_remapped
	kill $storm 2>/dev/null || true	# it may have ended
	wait $storm || fail "$(cat storm.out)"
	is propagated=0 lost_sectors=0
	dmsetup remove remap
	remap /dev/mapper/ill /dev/spare
	vmio verify "$R" 0 32768 model
}
twenty_remapped() { [ "$(field remappings)" -ge 20 ]; }

# bytes beside a bad sector are not touched, on main or through the target
t_neighbours() {
	local at
	disk main 16
	disk spare 4
	vmio fill /dev/main 0 32768 1
	bad main 8 1003 2000-2007 3004-3011 32767
	remap /dev/main /dev/spare
	vmio write "$R" 8 1 2
	vmio write "$R" 1003 1 2
	vmio write "$R" 2000 8 2
	vmio write "$R" 3004 8 2
	vmio write "$R" 32767 1 2
	for at in 8:1 1003:1 2000:8 3004:8 32767:1; do
		vmio check "$R" "${at%:*}" "${at#*:}" 2
	done
	vmio check "$R" 0 8 1
	vmio check "$R" 9 994 1
	vmio check "$R" 1004 996 1
	vmio check "$R" 2008 996 1
	vmio check "$R" 3012 29755 1
	vmio check /dev/main 0 8 1
	vmio check /dev/main 9 994 1
	vmio check /dev/main 3012 29755 1
	is remappings=6
}

# one write or read over many remaps, with healthy blocks between them
t_straddle() {
	local i ranges=()
	disk main 16
	disk spare 4
	for ((i = 0; i < 128; i++)); do
		ranges+=($((8192 + i * 16 + (i % 2) * 3)))
	done
	bad main "${ranges[@]}"
	remap /dev/main /dev/spare
	vmio write "$R" 8192 2048 2
	is remappings=128 slots_used=128
	vmio check "$R" 8192 2048 2
	# Remapped by now: the same again on the fast path, at an odd start.
	vmio write "$R" 8195 2000 3
	vmio check "$R" 8192 3 2
	vmio check "$R" 8195 2000 3
	vmio check "$R" 10195 45 2
	is remappings=128 slots_used=128
}

# writes at once to different sectors of the same blocks, which fail, are
# narrowed and absorbed; none may undo the other
t_same_block() {
	disk main 16
	disk spare 4
	bad main 0-1023
	remap /dev/main /dev/spare
	LEN=2048 vmio fill "$R" 0 1024 1
	is remappings=128
	ask release 0 1024 >/dev/null
	vmio storm "$R" 0 1024 8 3 model >/dev/null
	dmsetup remove remap
	dd if=/dev/zero of=/dev/spare bs=1M count=4 oflag=direct status=none
	# Once more with a fresh spare: all first writes come at once.
	good main 0-1023
	vmio fill /dev/main 0 1024 1
	layered ill /dev/main w:0-1023
	remap /dev/mapper/ill /dev/spare
	rm model
	vmio storm "$R" 0 1024 16 3 model >/dev/null
	is propagated=0
	vmio verify "$R" 0 1024 model
}

# fio with verification, random block sizes, over bad ranges
t_fio() {
	disk main 32
	disk spare 16
	bad main 1000-1063 9000-9001 20480-21503 40000 50000-50007
	remap /dev/main /dev/spare
	fio --name=t --filename="$R" --direct=1 --ioengine=libaio --iodepth=16 \
		--rw=randwrite --bsrange=512-256k --size=32m --io_size=48m \
		--verify=crc32c --verify_fatal=1 --randrepeat=1 --fallocate=none \
		--output=fio.out >/dev/null || fail "$(tail -n 20 fio.out)"
	at_least remappings 100
	is propagated=0
}

# a bio may be cut anywhere: buffered I/O, which makes large ones
t_buffered() {
	disk main 32
	disk spare 8
	bad main 100-107 30001 30003 30005 65528-65535
	remap /dev/main /dev/spare
	dd if=/dev/urandom of=data bs=1M count=32 status=none
	dd if=data of="$R" bs=1M conv=fsync status=none
	drop_caches
	cmp data "$R"
	is remappings=4 propagated=0
}

# a flush reaches both disks; without a remap it spares the spare
t_flush_both() {
	local m s
	flushes() { awk '{ print $16 }' "/sys/class/block/$(basename "$(readlink -f "/dev/$1")")/stat"; }
	disk main 16 cache_size=4
	disk spare 4 cache_size=4
	bad main 1000-1007
	remap /dev/main /dev/spare
	m=$(flushes main)
	vmio write "$R" 4000 8 2
	vmio flush "$R"
	[ "$(flushes main)" -gt "$m" ] || fail "the flush did not reach main"
	vmio write "$R" 1000 8 2
	vmio write "$R" 1000 8 3
	m=$(flushes main) s=$(flushes spare)
	vmio flush "$R"
	[ "$(flushes main)" -gt "$m" ] || fail "the flush did not reach main"
	[ "$(flushes spare)" -gt "$s" ] || fail "the flush did not reach the spare"
}

# the table is written in the promised order: data, a flush, copy A, a flush, copy B
# (as dm-log-writes has seen it; of a device that is made of others, FUA is not believed)
t_commit_order() {
	local a b slot
	needs dm-log-writes
	modprobe dm-log-writes
	disk main 16
	disk spare 4 cache_size=1
	disk logdev 16
	bad main 1000-1007
	dmsetup create logged --table "0 8192 log-writes /dev/spare /dev/logdev"
	remap /dev/main /dev/mapper/logged
	a=$(meta table /dev/mapper/logged 0 0 0)
	b=$(meta table /dev/mapper/logged 0 1 0)
	slot=$(meta slot /dev/mapper/logged 0 0)
	dmsetup message logged 0 mark before
	vmio write "$R" 1000 8 2
	dmsetup message logged 0 mark after
	dmsetup remove remap
	dmsetup remove logged
	# Flags: 1 flush, 2 FUA, 8 mark.
	logentries /dev/logdev | awk '
		int($1 / 8) % 2 { if (n++) exit; next }
		n && $3 == 0 { print "flush" }
		n && $3 != 0 { print $1, $2, $3 }' >order
	same "0 $slot 8
flush
0 $a 8
flush
0 $b 8
flush" "$(cat order)" "order of writes (flags, sector, sectors)"
}

# The entries of a dm-log-writes device: flags, sector, sectors
logentries() {
	python3 - "$1" <<-'PY'
	import struct, sys
	f = open(sys.argv[1], 'rb')
	magic, version, nr, size = struct.unpack('<QQQI', f.read(28))
	at = size
	for i in range(nr):
	    f.seek(at)
	    sector, sectors, flags, length = struct.unpack('<QQQQ', f.read(32))
	    print(flags, sector, sectors)
	    at += size
	    if not flags & 4:
	        at += sectors * size
	PY
}

# I/O that must not wait, over a device that has lost the ability: it waits, and
# does not fail
t_nowait() {
	disk main 16
	disk spare 4
	layered ill /dev/main
	remap /dev/mapper/ill /dev/spare
	vmio fill "$R" 0 4096 1
	vmio nowait "$R" 80 8 2
	relayer ill /dev/main w:1000-1007
	vmio nowait "$R" 160 8 2
	vmio nowait "$R" 992 32 2
	# The block is on the spare now.
	vmio nowait "$R" 992 32 3
	vmio check "$R" 160 8 2
	vmio check "$R" 992 32 3
	is propagated=0 remappings=1 writes_failed=1
}
