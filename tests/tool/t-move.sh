# shellcheck shell=bash disable=SC2154,SC2086,SC2119
# SPDX-License-Identifier: GPL-2.0
#
# grow, replace, detach: with the device in use, and killed at any moment.

# A program that writes to the device, and one that knows what must be there.
start_load() {
	python3 "$here/oracle.py" load $M/lab "$T/log" 4096 &
	load=$!
}
verify() { python3 "$here/oracle.py" verify "$1" "$T/log"; }
# until_remapped N: the load has found more than N bad blocks
until_remapped() {
	until [ "$(value remappings)" -gt "$1" ]; do kill -0 $load; done
}
stop_load() {
	kill -0 $load
	kill -KILL $load
	wait $load 2>/dev/null || true
}

t_grow_in_use() {
	lab
	dmremap create lab $M/lab-main $M/lab-spare --yes --size 1M >/dev/null
	dmremap lab hurt --bad 300 --kind write --seed 1 >/dev/null
	start_load
	until_remapped 2
	refused 4 'nobody to ask' dmremap grow lab
	expect 0 'grow 32768' dmremap grow lab --dry-run
	expect 0 'slots now' dmremap grow lab --yes --size 4M
	expect 0 'slots now' dmremap grow lab --yes
	[ "$(value spare_length)" = 32768 ]
	refused 2 'already' dmremap grow lab --yes
	refused 2 'cannot shrink' dmremap grow lab --yes --size 8M
	until_remapped 10
	stop_load
	verify $M/lab
	dmremap close lab
	expect 0 whole dmremap check $M/lab-spare
	dmremap open lab $M/lab-spare >/dev/null
	verify $M/lab
}

t_grow_refuses_what_is_behind() {
	lab
	dmremap lab create two --ram --size 64M --bad 0 --spare-size 1M >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --size 1M >/dev/null
	dmremap create two $M/two-main $M/lab-spare --yes --start 1M --size 1M >/dev/null
	refused 2 "open device 'two'; choose a smaller --size" dmremap grow lab --yes
	dmremap close two
	refused 2 'lies behind' dmremap grow lab --yes
	[ "$(value spare_length)" = 2048 ]
}

t_replace_in_use() {
	local i
	lab
	dmremap lab create new --ram --size 8M --bad 0 --spare-size 1M >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --label lab --low-water 7 --breaker 0,0 >/dev/null
	dmremap lab hurt --bad 500 --kind write --seed 1 >/dev/null
	start_load
	until_remapped 4
	refused 4 'nobody to ask' dmremap replace lab $M/new-main
	expect 0 'dmsetup suspend lab' dmremap replace lab $M/new-main --dry-run
	expect 0 'the spare is on' dmremap replace lab $M/new-main --yes
	until_remapped 7
	expect 0 'the spare is on' dmremap replace lab $M/lab-spare --yes --start 4M
	until_remapped 10
	stop_load
	verify $M/lab
	dmsetup table lab | grep 'low_water 7'
	dmsetup table lab | grep ' 8192 '
	# The ones that are out of use are blank.
	refused 2 'no spare area' dmremap inspect $M/new-main
	refused 2 'starts at sector 8192' dmremap inspect $M/lab-spare
	dmremap close lab
	expect 0 '/dev/mapper/lab:' dmremap assemble
	verify $M/lab
	[ "$(value superblocks)" = 3/3 ]
}

# All blocks are on the spare and written to while they are copied: what was
# copied too early is copied again, and only that while the device is suspended.
t_replace_copies_what_changes() {
	local late
	dmremap lab create lab --ram --size 32M --spare-size 40M --bad 0 >/dev/null
	dmremap lab create new --ram --size 40M --bad 0 --spare-size 1M >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --label lab >/dev/null
	random $M/lab 32
	dmremap evacuate lab --all >/dev/null
	[ "$(value remappings)" = 8192 ]
	start_load
	sleep 1
	expect 0 'the spare is on' dmremap replace lab $M/new-main --yes
	late=$(sed -n 's/.*copied, \([0-9]*\) of them while suspended.*/\1/p' /run/expect.out)
	stop_load
	cat /run/expect.out
	[ "$late" -lt 4096 ]
	verify $M/lab
	dmremap close lab
	dmremap open lab $M/new-main >/dev/null
	verify $M/lab
}

# Interrupted, it goes on with the old spare; the same command starts over.
t_replace_interrupted() {
	local want pid
	dmremap lab create lab --ram --size 32M --spare-size 40M --bad 0 >/dev/null
	dmremap lab create new --ram --size 40M --bad 0 --spare-size 1M >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --label lab >/dev/null
	random $M/lab 32
	want=$(dsum $M/lab)
	dmremap evacuate lab --all >/dev/null
	# The new spare gets slow, so that there is time.
	dmsetup create slow --table "0 $(blockdev --getsz $M/new-main) delay $M/new-main 0 20"
	$D replace lab $M/slow --yes >"$T/out" 2>&1 &
	pid=$!
	until_moved slow 10 2000 $pid
	refused 2 'is under way' dmremap replace lab $M/new-spare --yes
	refused 2 'is under way' dmremap detach lab --yes
	kill -INT $pid
	ended 5 $pid
	grep 'the same command starts over' "$T/out"
	[ "$(wc -l <"$T/out")" = 1 ]
	[ "$(dmsetup info -c --noheadings -o suspended lab)" = Active ]
	[ "$(dsum $M/lab)" = "$want" ]
	dmremap close lab
	expect 0 '/dev/mapper/lab:' dmremap assemble
	refused 2 'no spare area' dmremap inspect $M/new-main
	dmsetup remove slow
	expect 0 'the spare is on' dmremap replace lab $M/new-main --yes
	[ "$(dsum $M/lab)" = "$want" ]
}

t_replace_saves_what_it_can() {
	pair
	dmremap lab hurt --at 800+80 --kind write >/dev/null
	random $M/lab
	dmremap lab create new --ram --size 8M --bad 0 --spare-size 1M >/dev/null
	local slot at
	slot=$(dmremap list lab --json | jq '.[3].slot')
	# The first slots follow the superblock and the slot table.
	at=$(dmsetup message lab 0 list | sed -n 4p)
	echo "$at, slot $slot"
	dmremap lab hurt --spare --at $((8 + 17 * 8 + slot * 8))+1 --kind read >/dev/null
	expect 0 '1 sectors could not be read' dmremap replace lab $M/new-main --yes
	[ "$(value lost_sectors)" = 1 ]
	expect 2 'CRITICAL' dmremap status lab
	expect 0 'lost' dmremap list lab --lost
}

t_replace_refuses() {
	pair
	dmremap lab create new --ram --size 16M --bad 0 --spare-size 1M >/dev/null
	random $M/lab 8
	dmremap evacuate lab 0+16384 >/dev/null
	refused 2 'too small' dmremap replace lab $M/new-spare --yes
	refused 2 'No such file' dmremap replace lab /dev/nonesuch --yes
	refused 2 'main device is' dmremap replace lab $M/lab-main --yes
	refused 2 'spare area' dmremap replace lab $M/lab-spare --yes
	mkfs.ext4 -q -F $M/new-main 2>/dev/null
	local before
	before=$(sum $M/new-main)
	refused 2 'ext4' dmremap replace lab $M/new-main --yes
	[ "$(sum $M/new-main)" = "$before" ]
	expect 0 'ext4' dmremap replace lab $M/new-main --dry-run
	[ "$(sum $M/new-main)" = "$before" ]
	[ "$(dmsetup info -c --noheadings -o suspended lab)" = Active ]
}

# what the kernel would refuse is refused before anything is written
t_spare_sectors() {
	local sd before
	pair
	dmremap lab create new --ram --size 16M --bad 0 --spare-size 16M >/dev/null
	nullb big 16 4096
	before=$(sum /dev/big)
	refused 2 'has sectors of 4096 bytes, the main device of 512' dmremap replace lab /dev/big --yes
	refused 2 'has sectors of 4096 bytes, the main device of 512' dmremap create a $M/new-main /dev/big --yes
	[ "$(sum /dev/big)" = "$before" ]
	# the first physical block starts at sector 7, as for partitions from sector 63 on
	sd=$(scsi_disk dev_size_mb=16 physblk_exp=3 lowest_aligned=7)
	before=$(sum "/dev/$sd")
	refused 2 '512 bytes within a physical block' dmremap replace lab "/dev/$sd" --yes
	refused 2 '512 bytes within a physical block' dmremap create a $M/new-main "/dev/$sd" --yes
	[ "$(sum "/dev/$sd")" = "$before" ]
	addpart "/dev/$sd" 1 63 32000
	expect 0 'the spare is on' dmremap replace lab "/dev/${sd}1" --yes
	expect 0 'the spare is on' dmremap replace lab $M/lab-spare --yes
	delpart "/dev/$sd" 1
	modprobe -r scsi_debug
}

# killed N COMMAND...: kill the tool before its Nth step; true if it ended by itself
killed() {
	local n=$1 s=0
	shift
	KILL_AT=$n KILL_COUNT=$T/steps LD_PRELOAD=$top/build/tool/killer.so /run/dmremap "$@" >"$T/out" 2>&1 || s=$?
	[ $s = 137 ] || [ $s = 0 ] || { cat "$T/out" >&2; return 2; }
	return $s
}

# flush_fails N COMMAND...: its Nth flush fails, and loses what it was for. The status is
# the command's; no flush is asked for twice; "failed" if N flushes were made at all.
flush_fails() {
	local n=$1 s=0
	shift
	FLUSH_FAILS_AT=$n FLUSH_LOG=$T/flushes LD_PRELOAD=$top/build/tool/flush.so /run/dmremap "$@" >out 2>err </dev/null || s=$?
	grep -q 'repeated=0' flushes || { echo "flush $n was repeated: $*" >&2; return 99; }
	failed=
	! grep -q 'failed=1' flushes || failed=yes
	return $s
}

# At each flush: an error that is told, and the old spare; or the new one with all data.
t_replace_flush_fails() {
	local n s want failed old=0
	dmremap lab create lab --ram --size 4M --spare-size 2M --bad 0 >/dev/null
	dmremap lab create new --ram --size 2M --bad 0 --spare-size 1M >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --label lab >/dev/null
	dmremap evacuate lab 0+2400 >/dev/null
	random $M/lab 4
	# What is on the spare is nowhere else.
	dd if=/dev/zero of=$M/lab-main bs=4k count=300 conv=notrunc oflag=direct status=none
	want=$(dsum $M/lab)
	for ((n = 1; n < 100; n++)); do
		s=0
		flush_fails $n replace lab $M/new-main --yes --force || s=$?
		[ "$(dsum $M/lab)" = "$want" ]
		[ "$(dmsetup info -c --noheadings -o suspended lab)" = Active ]
		[ -n "$failed" ] || break
		if [ $s = 0 ]; then
			# Nothing was lost, or what was is written again; or it was the blanking of
			# the old one, after the switch, which is told.
			[ ! -s err ] || grep 'old spare\|no copy of the metadata' err
			[ "$(dmremap status --json | jq -r '.[0].spare')" = $M/new-main ]
			power_cut
			expect 0 "spare $M/new-main" dmremap assemble
			[ "$(dsum $M/lab)" = "$want" ]
			dmremap replace lab $M/lab-spare --yes --force >/dev/null
			continue
		fi
		old=$((old + 1))
		[ $s = 3 ]
		[ ! -s out ]
		grep "goes on with \(the old\|its\) spare\|lab is unchanged" err
		[ "$(value mode)" = rw ]
		[ "$(dmremap status --json | jq -r '.[0].spare')" = $M/lab-spare ]
		# And what was begun is not taken for it.
		power_cut
		expect 0 "spare $M/lab-spare" dmremap assemble
		[ "$(dsum $M/lab)" = "$want" ]
	done
	echo "$n flushes, $old times the old spare"
	[ $s = 0 ]
	[ $old -ge 5 ]
	[ "$(value lost_sectors)" = 0 ]
}

# The new spare cannot be blanked either: the old one is in use all the same, and nothing else is said.
t_replace_new_spare_dies() {
	local n want
	dmremap lab create lab --ram --size 4M --spare-size 2M --bad 0 >/dev/null
	dmremap lab create new --ram --size 2M --bad 0 --spare-size 1M >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --label lab >/dev/null
	dmremap evacuate lab 0+2400 >/dev/null
	random $M/lab 4
	want=$(dsum $M/lab)
	# Blank now; from the moment of the switch on, nothing can be written to it.
	cat >dies.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/dm-ioctl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>
static int dead;
int ioctl(int fd, unsigned long r, ...)
{
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	va_list ap;
	va_start(ap, r);
	void *arg = va_arg(ap, void *);
	va_end(ap);
	if (r == DM_DEV_SUSPEND)
		dead = 1;
	return real(fd, r, arg);
}
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t at)
{
	ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
	if (dead) {
		errno = EIO;
		return -1;
	}
	return real(fd, b, n, at);
}
C
	gcc -shared -fPIC -o dies.so dies.c -ldl
	n=0
	LD_PRELOAD=$T/dies.so /run/dmremap replace lab $M/new-main --yes >out 2>err || n=$?
	cat err
	[ $n = 3 ]
	grep "goes on with the old spare. What was begun on $M/new-main cannot be removed" err
	grep 'brought back' err && return 1
	[ "$(dsum $M/lab)" = "$want" ]
	[ "$(dmsetup info -c --noheadings -o suspended lab)" = Active ]
	[ "$(dmremap status --json | jq -r '.[0].spare')" = $M/lab-spare ]
}

# As after a power cut: nothing but what is on the disks counts.
power_cut() {
	dmsetup info -c --noheadings -o name | grep -qx lab || return 0
	dmsetup remove lab
}

# The tool is killed at each of its steps, and the machine with it: what is on
# the disks must be enough to go on, by itself.
t_replace_killed_at_each_step() {
	local i n want to
	dmremap lab create lab --ram --size 2M --spare-size 1M --bad 0 >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --label lab >/dev/null
	dmremap lab create new --ram --size 2M --bad 0 --spare-size 1M >/dev/null
	dmremap lab hurt --at 800+32 --kind write >/dev/null
	random $M/lab 2
	n=$(value remappings)
	want=$(dsum $M/lab)
	# Every third step, from another one on each time: it takes long.
	for ((i = 1 + RANDOM % 3; i < 500; i += 3)); do
		to=$M/new-main
		[ "$(dmremap status --json | jq -r '.[0].spare')" = $M/lab-spare ] || to=$M/lab-spare
		if killed $i replace lab $to --yes --force; then break; fi
		[ -z "$(cat "$T/out")" ]
		power_cut
		dmremap assemble >/dev/null 2>&1
		[ "$(value remappings)" = "$n" ]
		[ "$(dsum $M/lab)" = "$want" ]
	done
	echo "$i steps"
	[ "$i" -gt 20 ]
	[ "$(dsum $M/lab)" = "$want" ]
}

# The tool alone is killed, and somebody resumes the device and writes to it.
t_replace_killed_and_resumed() {
	local i want old=0
	dmremap lab create lab --ram --size 2M --spare-size 1M --bad 0 >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --label lab >/dev/null
	dmremap lab create new --ram --size 2M --bad 0 --spare-size 1M >/dev/null
	dmremap lab hurt --at 800+32 --kind write >/dev/null
	# Every third step, from another one on each time: it takes long.
	for ((i = 1 + RANDOM % 3; i < 500; i += 3)); do
		random $M/lab 2
		to=$M/new-main
		[ "$(dmremap status --json | jq -r '.[0].spare')" = $M/lab-spare ] || to=$M/lab-spare
		if killed $i replace lab $to --yes --force; then break; fi
		[ -z "$(cat "$T/out")" ]
		dmsetup resume lab
		# In place, in the slots: no metadata is written.
		dd if=/dev/urandom of=$M/lab bs=4k seek=100 count=4 oflag=direct conv=notrunc status=none
		want=$(dsum $M/lab)
		power_cut
		if dmremap assemble >/dev/null 2>&1; then
			[ "$(dsum $M/lab)" = "$want" ]
			continue
		fi
		# Two copies that differ: refused, and it is known which one was in use.
		old=$((old + 1))
		expect 2 differ dmremap assemble
		to=$M/lab-spare
		[ "$(dmremap open lab $M/lab-spare --this-copy >/dev/null 2>&1 && dsum $M/lab)" = "$want" ] || {
			dmremap close lab
			dmremap open lab $M/new-main --this-copy >/dev/null
			[ "$(dsum $M/lab)" = "$want" ]
		}
	done
	echo "$i steps, $old times refused"
	[ "$i" -gt 20 ]
}

t_detach_killed_at_each_step() {
	local i want
	dmremap lab create lab --ram --size 2M --spare-size 1M --bad 0 >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --label lab >/dev/null
	dmremap evacuate lab 800+32 >/dev/null
	random $M/lab 2
	want=$(dsum $M/lab)
	for ((i = 1; i < 500; i++)); do
		if killed $i detach lab --yes; then break; fi
		power_cut
		dmremap assemble >/dev/null 2>&1
		# Before its superblocks are gone, or after.
		if [ -e $M/lab ]; then
			[ "$(dsum $M/lab)" = "$want" ]
			dmremap evacuate lab 800+32 >/dev/null
		else
			[ "$(dsum $M/lab-main)" = "$want" ]
			dmremap create lab $M/lab-main $M/lab-spare --yes --force --label lab >/dev/null
			dmremap evacuate lab 800+32 >/dev/null
		fi
	done
	echo "$i steps"
	[ "$i" -gt 5 ]
	[ "$(dsum $M/lab-main)" = "$want" ]
}

t_stale_copy_is_named() {
	pair
	dmremap lab hurt --at 800+80 --kind write >/dev/null
	random $M/lab 2
	dmremap close lab
	# An old copy, as it is when the old spare could not be wiped.
	dmremap lab create old --ram --size 16M --bad 0 --spare-size 1M >/dev/null
	dd if=$M/lab-spare of=$M/old-main bs=1M oflag=direct status=none
	dmremap open lab $M/lab-spare >/dev/null
	dmremap close lab
	refused 2 'old copy' dmremap open lab $M/old-main
	expect 0 'out of use' dmremap scan
	expect 0 'left alone' dmremap assemble
	dmsetup table lab | grep "$(stat -c '%Hr:%Lr' "$(readlink -f $M/lab-spare)")"
	dmremap close lab
	# Equal and as new: either will do, silently.
	dd if=$M/lab-spare of=$M/old-main bs=1M oflag=direct status=none
	expect 0 '/dev/mapper/lab' dmremap assemble
	dmremap close lab
	# As new, but different: nobody but the administrator can tell.
	dd if=$M/lab-spare of=$M/old-main bs=1M oflag=direct status=none
	dd if=/dev/urandom of=$M/old-main bs=4k seek=18 count=10 oflag=direct status=none conv=notrunc
	expect 2 'differ' dmremap assemble
	refused 2 'differ' dmremap open lab $M/lab-spare
	expect 0 lab dmremap open lab $M/lab-spare --this-copy
}

t_detach_back() {
	local want
	pair
	dmremap lab hurt --bad 200 --kind write --seed 2 >/dev/null
	random $M/lab
	want=$(dsum $M/lab)
	# The disk still fails: nothing is given up.
	refused 2 'must stay' dmremap detach lab --yes
	[ "$(value remappings)" -gt 10 ]
	[ "$(dsum $M/lab)" = "$want" ]
	dmremap lab heal >/dev/null
	refused 4 'nobody to ask' dmremap detach lab
	# What is given up is named as well as what is written to.
	expect 4 "^  $M/lab-main: 64 MiB" script -qec "$D detach lab" /dev/null <<<NO
	grep -q "^  $M/lab-spare: 16 MiB" /run/expect.out
	expect 0 'linear' dmremap detach lab --dry-run
	expect 0 'use /dev/mapper/lab-main' dmremap detach lab --yes
	[ ! -e $M/lab ]
	[ "$(dsum $M/lab-main)" = "$want" ]
	refused 2 'no spare area' dmremap inspect $M/lab-spare
}

t_detach_in_use() {
	pair
	dmremap lab hurt --bad 300 --kind write --seed 2 >/dev/null
	start_load
	until_remapped 4
	dmremap lab heal >/dev/null
	expect 0 'plain mapping' dmremap detach lab --yes
	sleep 1
	stop_load
	dmsetup table lab | grep linear
	verify $M/lab
	verify $M/lab-main
}

# What goes to the spare between the release and the switch is moved back, too; if that
# never ends, nothing is given up.
t_detach_just_before_the_switch() {
	local s=0
	pair
	random $M/lab
	cat >meanwhile.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/dm-ioctl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
int ioctl(int fd, unsigned long r, ...)
{
	int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
	va_list ap;
	va_start(ap, r);
	struct dm_ioctl *arg = va_arg(ap, void *);
	va_end(ap);
	if (r == DM_DEV_SUSPEND && arg->flags & DM_SUSPEND_FLAG && system("./meanwhile"))
		abort();
	return real(fd, r, arg);
}
C
	gcc -shared -fPIC -o meanwhile.so meanwhile.c -ldl
	cat >meanwhile <<'SH'
#!/bin/bash
unset LD_PRELOAD
echo >>times
[ -e always ] || [ $(wc -l <times) = 1 ] || exit 0
dmsetup message lab 0 remap 800 80 >/dev/null &&
	dd if=/dev/urandom of=/dev/mapper/lab bs=4k seek=100 count=10 oflag=direct conv=notrunc,nocreat status=none &&
	dd if=/dev/mapper/lab bs=1M iflag=direct status=none | sha256sum | cut -d' ' -f1 >want
SH
	chmod +x meanwhile
	touch always
	LD_PRELOAD=$T/meanwhile.so /run/dmremap detach lab --yes >out 2>err || s=$?
	cat err
	[ $s = 3 ]
	grep 'new blocks keep failing' err
	[ "$(wc -l <times)" = 5 ]
	[ "$(value remappings)" = 10 ]
	[ "$(dsum $M/lab)" = "$(cat want)" ]
	rm always times
	LD_PRELOAD=$T/meanwhile.so /run/dmremap detach lab --yes >out
	[ "$(wc -l <times)" = 2 ]
	[ ! -e $M/lab ]
	[ "$(dsum $M/lab-main)" = "$(cat want)" ]
}

t_detach_known_bad() {
	pair
	dmremap lab hurt --at 800+8 --kind read,write >/dev/null
	expect 6 unreadable dmremap scrub lab
	refused 2 'known bad' dmremap detach lab --yes
	expect 0 'use' dmremap detach lab --yes --leave-known-bad
}

t_detach_to_killed_and_resumed() {
	local want i
	dmremap lab create lab --ram --size 8M --spare-size 2M --bad 0 >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --label lab >/dev/null
	dmremap lab create new --ram --size 12M --bad 0 --spare-size 1M >/dev/null
	dmremap lab hurt --bad 50 --kind read,write --seed 2 >/dev/null
	random $M/lab 8
	want=$(dsum $M/lab)
	mkfs.ext4 -q -F $M/new-main 2>/dev/null
	refused 2 'ext4' dmremap detach lab --to $M/new-main --yes
	expect 0 '^# .* holds .*ext4.*would be overwritten' dmremap detach lab --to $M/new-main --dry-run
	refused 2 'too small' dmremap detach lab --to $M/new-spare --yes
	refused 2 'too small' dmremap detach lab --to $M/new-spare --dry-run
	refused 2 'itself' dmremap detach lab --to $M/lab-spare --yes --force
	dmsetup create user --table "0 16384 linear $M/lab 0"
	refused 2 'unmount it first' dmremap detach lab --to $M/new-main
	dmsetup remove user
	refused 4 'nobody to ask' dmremap detach lab --to $M/new-main
	for i in 1 3 5 9 10 11 12 13 14 15 16 17; do
		if killed $i detach lab --to $M/new-main --yes --force; then break; fi
		power_cut
		dmremap assemble >/dev/null 2>&1
		[ -e $M/lab ] || break
		[ "$(dsum $M/lab)" = "$want" ]
		# What the target had meanwhile, from a power cut: found by comparing.
		dd if=/dev/urandom of=$M/new-main bs=4k seek=$i count=1 conv=notrunc oflag=direct status=none
	done
	[ ! -e $M/lab ] || expect 0 'compared' dmremap detach lab --to $M/new-main --yes --force
	[ "$(head -c 8M $M/new-main | sha256sum | cut -d' ' -f1)" = "$want" ]
	[ ! -e $M/lab ]
	refused 2 'no spare area' dmremap inspect $M/lab-spare
}

# One sector of a block cannot be read, the seven others are on the spare alone.
t_detach_to_unreadable() {
	local want
	pair
	dmremap lab create new --ram --size 64M --bad 0 --spare-size 1M >/dev/null
	random $M/lab
	mkfs.ext4 -q -F -b 4096 $M/lab
	mount $M/lab /mnt
	dd if=/dev/urandom of=/mnt/$'bad\nname' bs=64k count=1 status=none
	umount /mnt
	want=$(mount $M/lab /mnt && dmremap find --file /mnt/$'bad\nname' >/dev/null; filefrag -e -b512 /mnt/$'bad\nname' | awk '$1 == "0:" { print $4 + 0 }'; umount /mnt)
	dmremap lab hurt --at $want+8 --kind read,write >/dev/null
	dd if=/dev/urandom of=$M/lab seek=$((want + 1)) count=7 oflag=direct conv=notrunc status=none
	[ "$(value partial)" = 1 ]
	dd if=$M/lab skip=$((want + 1)) count=7 of=seven iflag=direct status=none
	refused 2 "^dmremap: 1 sectors of lab cannot be read, the first one is $want; .*lab works as before" dmremap detach lab --to $M/new-main --yes --map m
	# Counted, written down, and nothing given up.
	grep -i "^0x0*$(printf %x $((want * 512)))  0x00000200  -" m
	grep -F "sectors $want to $want: /bad\\012name, bytes 0 to 511" m.files
	[ "$(value partial)" = 1 ]
	expect 0 '1 sectors could not be read' dmremap detach lab --to $M/new-main --yes --allow-unreadable --map m
	[ ! -e $M/lab ]
	dd if=$M/new-main skip=$((want + 1)) count=7 status=none | cmp - seven
	dd if=$M/new-main skip=$want count=1 status=none | cmp -n 512 - /dev/zero
	refused 2 'no spare area' dmremap inspect $M/lab-spare
}

# What is unreadable on the spare itself may come back: that spare is not given up.
t_detach_to_keeps_spare() {
	local slot
	pair
	dmremap lab create new --ram --size 64M --bad 0 --spare-size 1M >/dev/null
	random $M/lab
	dmremap evacuate lab 800+80 >/dev/null
	slot=$(dmremap list lab --json | jq '.[3].slot')
	dmremap lab hurt --spare --at $((8 + 17 * 8 + slot * 8))+1 --kind read >/dev/null
	expect 6 'the spare area on .* is kept' dmremap detach lab --to $M/new-main --yes --allow-unreadable
	[ ! -e $M/lab ]
	expect 0 '' dmremap inspect $M/lab-spare
}

# A copy that was interrupted is taken up on its own disk, and on no other.
t_detach_to_another() {
	local want pid before
	pair
	dmremap lab create new --ram --size 64M --bad 0 --spare-size 1M >/dev/null
	dmremap lab create two --ram --size 64M --bad 0 --spare-size 1M >/dev/null
	random $M/lab
	want=$(dsum $M/lab)
	dmsetup create slow --uuid DMREMAP-TEST-slow --table "0 $(blockdev --getsz $M/new-main) delay $M/new-main 0 50"
	$D detach lab --to $M/slow --yes >"$T/out" 2>&1 &
	pid=$!
	until_moved slow 10 40000 $pid
	refused 2 'is under way' dmremap detach lab --to $M/two-main --yes
	kill -INT $pid
	ended 5 $pid
	mkfs.ext4 -q -F $M/two-main
	before=$(sum $M/two-main)
	refused 2 'ext4' dmremap detach lab --to $M/two-main --yes
	[ "$(sum $M/two-main)" = "$before" ]
	# Begun there, too, since that was asked for: each of the two is known for itself.
	dmsetup create slow2 --uuid DMREMAP-TEST-slow2 --table "0 $(blockdev --getsz $M/two-main) delay $M/two-main 0 50"
	$D detach lab --to $M/slow2 --yes --force >"$T/out" 2>&1 &
	pid=$!
	until_moved slow2 10 20000 $pid
	kill -INT $pid
	ended 5 $pid
	grep 'going on' "$T/out" && return 1
	[ "$(ls "$DMREMAP_STATE"/detach-* | wc -l)" = 2 ]
	dmsetup remove slow2
	mkfs.ext4 -q -F $M/two-main
	# The same name, another disk.
	dmsetup suspend slow
	dmsetup reload slow --table "0 $(blockdev --getsz $M/two-main) linear $M/two-main 0"
	dmsetup resume slow
	refused 2 'ext4' dmremap detach lab --to $M/slow --yes
	dmsetup suspend slow
	dmsetup reload slow --table "0 $(blockdev --getsz $M/new-main) linear $M/new-main 0"
	dmsetup resume slow
	expect 0 'compared, all of it' dmremap detach lab --to $M/slow --yes
	grep 'going on at sector' /run/expect.err
	[ "$(dsum $M/new-main)" = "$want" ]
}

# Disks with sectors of 4 KiB, and their spare on one with 512 bytes and back.
t_sectors_of_4k() {
	local want
	nullb n4 16 4096
	nullb s4 8 4096
	nullb s5 8 512
	dmremap create lab /dev/n4 /dev/s4 --yes >/dev/null
	[ "$(blockdev --getss $M/lab)" = 4096 ]
	echo +800-807 >/sys/kernel/config/nullb/n4/badblocks
	random $M/lab 16
	[ "$(value remappings)" = 1 ]
	want=$(dsum $M/lab)
	expect 0 'the spare is on' dmremap replace lab /dev/s5 --yes
	[ "$(blockdev --getss $M/lab)" = 4096 ]
	expect 0 'the spare is on' dmremap replace lab /dev/s4 --yes --size 4M
	expect 0 'slots now' dmremap grow lab --yes
	[ "$(dsum $M/lab)" = "$want" ]
	dmremap close lab
	expect 0 whole dmremap check --data /dev/s4
	dmremap dump /dev/s4 --output one.json
	dmremap restore /dev/s4 one.json --yes >/dev/null
	dmremap dump /dev/s4 | cmp - one.json
	dmremap open lab /dev/n4 /dev/s4 >/dev/null
	[ "$(dsum $M/lab)" = "$want" ]
	refused 2 'must stay' dmremap detach lab --yes
	echo -800-807 >/sys/kernel/config/nullb/n4/badblocks
	expect 0 'use /dev/n4' dmremap detach lab --yes
	[ "$(dsum /dev/n4)" = "$want" ]
}

# Main and spares are partitions of one disk, which has another name tomorrow.
t_partitions() {
	local want loop
	truncate -s 40M disk
	python3 - disk <<'PY'
import struct, sys
b = bytearray(512)
b[440:444] = b"\x12\x34\x56\x78"
for i, (start, nr) in enumerate([(2048, 32768), (34816, 16384), (51200, 16384)]):
    b[446 + 16 * i:462 + 16 * i] = struct.pack("<BBBBBBBBII", 0, 0, 0, 0, 0x83, 0, 0, 0, start, nr)
b[510:] = b"\x55\xaa"
open(sys.argv[1], "r+b").write(b)
PY
	loop=$(losetup -f --show -P disk)
	dmremap create lab "${loop}p1" "${loop}p2" --yes --label lab >/dev/null
	random $M/lab 16
	want=$(dsum $M/lab)
	dmremap evacuate lab 800+800 >/dev/null
	# What is not on the spare must come from the right place.
	dd if=/dev/zero of="${loop}p1" bs=4k seek=100 count=100 oflag=direct conv=notrunc status=none
	[ "$(dsum $M/lab)" = "$want" ]
	refused 2 'in use\|part of' dmremap replace lab "$loop" --yes --force
	expect 0 "the spare is on ${loop}p3" dmremap replace lab "${loop}p3" --yes
	[ "$(dsum $M/lab)" = "$want" ]
	dmremap close lab
	losetup -d "$loop"
	truncate -s 1M other
	exec 9<"$(losetup -f --show other)"
	loop=$(losetup -f --show -P disk)
	expect 0 "$M/lab: ${loop}p1, spare ${loop}p3" dmremap assemble
	exec 9<&-
	[ "$(dsum $M/lab)" = "$want" ]
}
