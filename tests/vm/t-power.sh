# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Power cuts, and drives that fail outside of the guest.
# own VM

ILL_W="w:1000-1100 w:8192-8703 w:20000 w:25000-25600 w:32000-32040"
ILL_RW=${ILL_W//w:/rw:}

# after an acknowledged write the power goes off at once: it is there, three times
t_acknowledged() {
	local args=(-d "$drives/main.img:size=16M,serial=main" -d "$drives/spare.img:size=8M,serial=spare")

	ends 99 vm "${args[@]}" in_first
	ends 99 vm "${args[@]}" in_second
	vm "${args[@]}" in_third
}
# The drives' memory is a file, the bad blocks are made anew each time: first
# they fail writes only, later also reads, so that nothing can come from them.
bring_up() {
	# shellcheck disable=SC2086
	layered ill /dev/lab/main $1
	remap /dev/mapper/ill /dev/lab/spare
}
cut_after() { vmio sync "$R" 32768 "$1" "$2" /dev/virtio-ports/lab.power; }
in_first() {
	vmio fill /dev/lab/main 0 32768 1
	bring_up "$ILL_W"
	cut_after 1 150
}
in_second() {
	vmio syncmodel 32768 1 150 model
	bring_up "$ILL_RW"
	# A sector that was never written may be unreadable; one that was is not.
	vmio verify "$R" 0 32768 model unwritten
	at_least remappings 10
	vmio fill "$R" 0 32768 1
	# And with the load of others when the power goes.
	vmio storm "$R" 28672 4096 4 100 other >/dev/null 2>&1 &
	vmio sync "$R" 28000 2 200 /dev/virtio-ports/lab.power
}
in_third() {
	vmio syncmodel 28000 2 200 model
	bring_up "$ILL_RW"
	vmio verify "$R" 0 28000 model
	is mode=rw superblocks=3/3
	# The others were in the middle of something: readable, at the least.
	vmio read "$R" 28672 2048
	vmio read "$R" 30720 2048
	dmsetup remove remap
	remap /dev/mapper/ill /dev/lab/spare
	is table_copies=2/2
	vmio verify "$R" 0 28000 model
}
# power cuts at any moment of an absorbing load, two in a row
t_any_moment() {
	local i delay args=(-d "$drives/main.img:size=16M,serial=main" -d "$drives/spare.img:size=8M,serial=spare")

	for i in 1 2; do
		delay=0.$((RANDOM % 9 + 1))
		ends 99 vm -e "ROUND=$i" -e "DELAY=$delay" "${args[@]}" in_moment
	done
	vm -e "ROUND=3" "${args[@]}" in_moment_end
}
moment_up() {
	layered ill /dev/lab/main w:0-16383
	remap /dev/mapper/ill /dev/lab/spare
}
in_moment() {
	[ "$ROUND" != 1 ] || vmio fill /dev/lab/main 0 32768 1
	moment_up
	# All sectors are from a write to this very sector, none is torn.
	vmio whole "$R" 0 32768
	is superblocks=3/3 lost_sectors=0
	vmio storm "$R" 0 32768 8 100 model >/dev/null &
	sleep "$DELAY"
	echo powercut >/dev/virtio-ports/lab.power
	sleep 60
}
in_moment_end() {
	moment_up
	vmio whole "$R" 0 32768
	is mode=rw superblocks=3/3 lost_sectors=0
	at_least remappings 8
}

# the power goes during a retry that takes 30 s: what was acknowledged beside it is there,
# and the write itself is there or not
t_during_slow_retry() {
	local args=(-d "$drives/main.img:size=16M,serial=main" -d "$drives/spare.img:size=8M,serial=spare")

	ends 99 vm "${args[@]}" in_retry
	vm "${args[@]}" in_after_retry
}
# retry_up MS: writes to sectors 8000 to 8015 fail after so long
retry_up() {
	dmsetup create ill-err --table "0 32768 error"
	dmsetup create ill <<-END
	0 8000 linear /dev/lab/main 0
	8000 16 delay /dev/lab/main 8000 0 /dev/mapper/ill-err 8000 $1
	8016 24752 linear /dev/lab/main 8016
	END
	remap /dev/mapper/ill /dev/lab/spare
}
in_retry() {
	vmio fill /dev/lab/main 0 32768 1
	retry_up 30000
	ask mark_bad 9000 8 >/dev/null
	vmio burst "$R" 2 w:8000:16 >/dev/null &
	eventually 100 test_field writes_failed 1
	# It is examined now; what needs the spare alone does not wait for that.
	vmio write "$R" 9000 8 3
	vmio write "$R" 10000 8 3
	vmio flush "$R"
	is remappings=1
	echo powercut >/dev/virtio-ports/lab.power
	sleep 60
}
test_field() { [ "$(field "$1")" = "$2" ]; }
in_after_retry() {
	retry_up 0
	is mode=rw superblocks=3/3 remappings=1
	vmio check "$R" 9000 8 3
	vmio check "$R" 10000 8 3
	vmio whole "$R" 0 32768
	vmio write "$R" 8000 16 4
	vmio check "$R" 8000 16 4
	is remappings=3
}

# a SCSI disk with medium errors of its own (real sense data), and a virtio disk
# that fails write-zeroes
t_drives() {
	needs_qemu
	errors "$drives/scsi.conf" 61 2003 2004 40000
	errors "$drives/virtio.conf" 5 3000 9001
	# QEMU would merge the writes that the module has taken apart.
	vm --qemu-arg -global --qemu-arg virtio-blk-device.request-merging=off \
		-d "$drives/a.img:size=32M,serial=scsi,if=scsi,blkdebug=$drives/scsi.conf" \
		-d "$drives/b.img:size=32M,serial=virtio,blkdebug=$drives/virtio.conf,discard" \
		-d "$drives/c.img:size=8M,serial=spare" in_drives
}
# errors FILE ERRNO SECTOR...
errors() {
	local file=$1 errno=$2 sector iotype
	shift 2
	for sector; do
		for iotype in read write write-zeroes; do
			printf '[inject-error]\nevent = "none"\niotype = "%s"\nsector = "%s"\nerrno = "%s"\n\n' \
				$iotype "$sector" "$errno"
		done
	done >"$file"
}
in_drives() {
	lost vmio read /dev/lab/scsi 2000 8
	logged "critical medium error, dev"
	remap /dev/lab/scsi /dev/lab/spare 0 spare_length 4096
	vmio fill "$R" 0 65536 1
	vmio check "$R" 0 65536 1
	is remappings=2 propagated=0
	vmio sweep "$R" 65536 5 60 model
	lost vmio write /dev/lab/scsi 40000 1 2
	dmsetup remove remap
	remap /dev/lab/scsi /dev/lab/spare 0
	vmio verify "$R" 0 65536 model
	is remappings=2
	dmsetup remove remap
	# A read finds out first.
	remap /dev/lab/scsi /dev/lab/spare 0 format
	lost vmio read "$R" 40000 8
	is known_bad=0 remappings=1 rescued=1
	vmio write "$R" 40000 8 3
	vmio check "$R" 40000 8 3
	dmsetup remove remap

	io_error vmio zero /dev/lab/virtio 2900 200
	remap /dev/lab/virtio /dev/lab/spare 0 format
	[ "$(cat /sys/block/dm-0/queue/write_zeroes_max_bytes)" -gt 0 ] ||
		fail "write-zeroes is not offered"
	vmio fill "$R" 0 2990 2
	vmio fill "$R" 3010 20000 2
	vmio zero "$R" 2900 200
	vmio zero "$R" 8000 2000
	vmio check "$R" 2900 200 0
	vmio check "$R" 8000 2000 0
	vmio check "$R" 0 2900 2
	vmio check "$R" 3100 4900 2
	vmio check "$R" 10000 10000 2
	is remappings=2 propagated=0 mode=rw
	# Once remapped, by the fast path.
	vmio write "$R" 3000 8 3
	vmio zero "$R" 2990 20
	vmio check "$R" 2990 20 0
	is remappings=2
	# Discards, with blocks of which one part is on the spare.
	vmio write "$R" 3000 8 3
	vmio discard "$R" 2944 128
	vmio write "$R" 3000 1 4
	vmio check "$R" 3000 1 4
	is remappings=2
}
