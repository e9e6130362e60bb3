# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Lost caches: one disk that holds both areas is recorded by dm-log-writes, so
# that all writes to main and to the spare are in one order. Then each state in
# which a power cut may leave it is made, and looked at: what was flushed, alone
# or with a part of what was written since.
#
# DM_REMAP_TEST_POINTS is how many of the flushes are looked at, by turns alone
# and with a part of what came next; or "all": each alone, one in four also so.
# on request

# What is not torn, for "replay part".
together=()
MAIN=196608 SPARE=16384
WHOLE=$(((MAIN + SPARE) / 2048))
# Bad from the start, and what goes bad at each step.
ILL=(w:2000-2400 w:20000-20600 w:66000-66300 w:100000-100600)
MORE=(w:8192-9000 w:30000-31500 w:50000-51000 w:98304-99500 w:131072-132500 w:150000-151000)

# on DISK: dm-remap over a failing view of it
on() {
	local mapfile
	mapfile -t mapfile < <(printf '%s\n' "${@:2}" | sort -t: -k2n)
	layered ill "$1" "${mapfile[@]}"
	LEN=$MAIN remap /dev/mapper/ill "$1" $MAIN
}
off() {
	dmsetup remove remap
	dmsetup remove ill
	dmsetup remove ill-err
}

# Make the file system before, so that the log is that of the load.
prepare() {
	disk whole $WHOLE
	disk log 400
	on /dev/whole "${ILL[@]}"
	[ $# = 0 ] || "$@" "$R"
	off
	disk state $WHOLE
	dd if=/dev/whole of=/dev/state bs=1M conv=sparse status=none
	dmsetup create log --table "0 $(sectors /dev/whole) log-writes /dev/whole /dev/log"
	on /dev/mapper/log "${ILL[@]}"
}
# More goes bad while the load runs.
go_bad() {
	local i mapfile
	for ((i = 1; i <= ${#MORE[@]}; i++)); do
		sleep 0.5
		mapfile -t mapfile < <(printf '%s\n' "${ILL[@]}" "${MORE[@]:0:i}" | sort -t: -k2n)
		relayer ill /dev/mapper/log "${mapfile[@]}"
	done
}

# each_point FUNCTION: call it with the file that says what must be there
each_point() {
	local all points=${DM_REMAP_TEST_POINTS:-12} i point

	off
	dmsetup remove log
	all=$(replay count /dev/log)
	[ "$all" -ge 40 ] || fail "only $all flushes were recorded"
	[ "$points" != all ] || points=$all
	[ "$points" -le "$all" ] || points=$all
	disk cow $WHOLE
	modprobe -a dm-snapshot
	for ((i = 1; i <= points; i++)); do
		point=$((i * all / points))
		replay to /dev/log $point /dev/state position acked
		if [ "$points" = "$all" ] || [ $((i % 2)) = 0 ]; then
			at_point "$point" "$1" no
		fi
		if [ $((i % 4)) = 1 ] || { [ "$points" != "$all" ] && [ $((i % 4)) = 3 ]; }; then
			at_point "$point" "$1" yes
		fi
	done
	note "$points of $all flushes"
}
# The state is copied on write: looking at it changes it.
at_point() {
	local status=0
	dd if=/dev/zero of=/dev/cow bs=4k count=1 status=none
	dmsetup create cut --table "0 $(sectors /dev/state) snapshot /dev/state /dev/cow N 8"
	[ "$3" = no ] || replay part /dev/log position /dev/mapper/cut "$1" "${together[@]}"
	"$DM_REMAP_TEST_TOOL" check --start "${MAIN}s" /dev/mapper/cut >check.out 2>&1 || status=$?
	[ $status -lt 2 ] || fail "point $1 ($3): $(cat check.out)"
	on /dev/mapper/cut "${ILL[@]}" "${MORE[@]}"
	is mode=rw superblocks=3/3 lost_sectors=0
	$2 || fail "at point $1, with a part of what came after it: $3"
	is mode=rw lost_sectors=0 propagated=0
	off
	dmsetup remove cut
}

load() {
	mkdir -p /mnt/a
	mount "$R" /mnt/a
	go_bad &
	local bad=$!
	power mark /mnt/a log 2 || fail "the load has failed"
	wait $bad
	umount /mnt/a
	at_least remappings 8
	is propagated=0
}
look() {
	mount "$R" /mnt/a
	power verify /mnt/a acked >/dev/null
	umount /mnt/a
	case $type in
	ext4) e2fsck -fn "$R" >fsck.out 2>&1 || fail "$(cat fsck.out)" ;;
	xfs) xfs_repair -n "$R" >fsck.out 2>&1 || fail "$(cat fsck.out)" ;;
	esac
}

# ext4 after the loss of caches: metadata, activation, fsck, acknowledged records
t_ext4() {
	type=ext4
	# With one half of its superblock and an empty journal, ext4 is not mounted, on no
	# disk. All else is torn.
	together=(2 2)
	prepare mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0,nodiscard
	load
	each_point look
}
# the same with XFS
t_xfs() {
	type=xfs
	# Smaller than what mkfs.xfs would make for others.
	prepare mkfs.xfs --unsupported -q -f -K
	load
	each_point look
}

# fio's verify on the device: what was written before a mark
t_fio() {
	local k
	modprobe -a dm-bufio
	prepare
	go_bad &
	local bad=$!
	for ((k = 1; k <= ${#PHASES[@]}; k++)); do
		fio_phase $k --do_verify=0 --fdatasync=10 --end_fsync=1
		dmsetup message log 0 mark A.0.$k
	done
	wait $bad
	at_least remappings 8
	is propagated=0
	each_point look_fio
}
# Each in a part of the disk of which some is bad.
PHASES=(8m 32m 48m)
fio_phase() {
	fio --name="phase$1" --filename="$R" --offset="${PHASES[$1 - 1]}" --size=4m --io_size=512k \
		--thread --disk_util=0 \
		--verify=crc32c --verify_fatal=1 --randseed="$1" --rw=randwrite --bsrange=512-32k \
		--direct=1 --ioengine=libaio --iodepth=4 "${@:2}" --output=fio.out >fio.err 2>&1 ||
		fail "$(tail -n 10 fio.err fio.out)"
}
look_fio() {
	local k nr
	read -r _ nr <acked
	for ((k = 1; k <= nr; k++)); do
		fio_phase $k --verify_only=1
	done
}
