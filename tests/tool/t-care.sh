# shellcheck shell=bash disable=SC2154,SC2086,SC2119
# SPDX-License-Identifier: GPL-2.0
#
# evacuate, release, retest, breaker, scrub, import, export, fill, whose; slow disks.

t_evacuate_release_retest() {
	local want
	pair
	random $M/lab
	want=$(dsum $M/lab)
	expect 0 '10 blocks moved to the spare, 0 were' dmremap evacuate lab 800+80
	expect 0 '0 blocks moved to the spare, 10 were' dmremap evacuate lab 800+80
	dmremap lab hurt --at 8000+8 --kind read,write >/dev/null
	expect 6 '1 could not be read' dmremap evacuate lab 7992+24
	expect 6 '0 known bad blocks read well again, 1 are' dmremap retest lab --all
	dmremap lab heal >/dev/null
	expect 0 '1 known bad blocks read well again, 0 are' dmremap retest lab --all
	dmremap lab hurt --at 800+8 --kind write >/dev/null
	expect 6 '4 blocks moved back to the main device, 1 must' dmremap release lab 800+40
	expect 6 '7 blocks moved back to the main device, 1 must' dmremap release lab --all
	[ "$(value remappings)" = 1 ]
	[ "$(dsum $M/lab)" = "$want" ]
	refused 1 'name a range' dmremap evacuate lab
	refused 1 'name a range' dmremap release lab
	refused 1 'not a range' dmremap evacuate lab abc
	refused 2 'beyond the end' dmremap evacuate lab 131072
	refused 2 'beyond the end' dmremap evacuate lab 0+131073
	refused 1 'not a range' dmremap evacuate lab 0+0
}

# In the background: one block at a time, as long as nobody else uses main.
t_retest_when_idle() {
	local pid other
	lab
	slow_disk slow 64
	dmremap create lab /dev/slow $M/lab-spare --yes >/dev/null
	printf '8000+8\n16000+8\n24000+8\n' | dmremap import lab - --mark >/dev/null
	[ "$(value known_bad)" = 3 ]
	# Others use the disk, though not the mapped device.
	slow_set slow stop=1
	dd if=/dev/slow of=/dev/null bs=4k count=1 skip=5000 iflag=direct status=none &
	other=$!
	slow_has slow 1 $other
	"$D" retest lab --all --idle 0 --debug >out 2>&1 &
	pid=$!
	until_says out 1 'waiting until nobody' $pid
	slow_has slow 1 $pid
	refused 2 "'dmremap retest --idle' of lab is under way (process $pid)" dmremap retest lab --all --idle 0
	# Now it begins; its read takes long, and meanwhile others use the mapped device.
	slow_set slow error_ms=600000 stop=0 bad_reads='+8000-8007 +24003-24003 +100000-100007'
	ended 0 $other
	slow_has slow 1 $pid
	dd if=$M/lab of=/dev/null bs=512 count=8 skip=100000 iflag=direct status=none 2>/dev/null &
	other=$!
	slow_has slow 2 $pid
	slow_set slow stop=1 error_ms=0
	until_says out 2 'waiting until nobody' $pid
	[ "$(value known_bad)" = 3 ]
	[ "$(grep -c '^# dmsetup message.*forget_bad' out)" = 1 ]
	[ "$(grep -c '^# dmsetup message.*remap' out)" = 0 ]
	slow_has slow 1 $pid
	# They do no more: it goes on, and saves what can be read of what is still bad.
	slow_set slow bad_reads='-8000-8007 -100000-100007' stop=0
	ended 0 $other
	ended 6 $pid
	grep '1 known bad blocks read well again, 1 are still bad' out
	grep '1 that could be read sector by sector' out
	[ "$(value known_bad)" = 0 ]
	[ "$(value partial)" = 1 ]
	[ "$(value remappings)" = 2 ]
	# One message for each block, whole, and one for those that were read in pieces.
	[ "$(grep '^# dmsetup message' out | sed -n "s/.* 0 \(forget_bad\|remap\)/\1/p" | xargs)" = "forget_bad 8000 8 remap 8000 8 forget_bad 16000 8 forget_bad 24000 8 remap 24000 8" ]
}

# What was absorbed without a retry is shown, and proven or given back.
t_retest_unproven() {
	lab
	slow_disk slow 64
	dmremap create lab /dev/slow $M/lab-spare --yes --budget 1 >/dev/null
	# An error of 250 ms is slow; one block of 16 is bad, and the last one.
	slow_set slow error_ms=250 bad_writes='+8000-8007 +8120-8127'
	dd if=/dev/urandom of=data bs=4k count=16 status=none
	dd if=data of=$M/lab bs=64k seek=4096000 count=1 oflag=direct,seek_bytes status=none
	[ "$(value unproven)" = 15 ]
	expect 0 '15 blocks went to the spare without a retry' dmremap status lab
	expect 0 'remapped, unproven' dmremap list lab 8120+8
	[ "$(dmremap list lab --json | jq -c 'map(.unproven) | unique')" = '[false,true]' ]
	expect 6 '14 known bad blocks read well again, 1 are still bad' dmremap retest lab --all --idle 0
	[ "$(value unproven)" = 0 ]
	[ "$(value remappings)" = 2 ]
	dd if=$M/lab bs=64k skip=4096000 count=1 iflag=direct,skip_bytes status=none | cmp - data
}

# Of a block that the kernel looked at once only, since its error was slow.
t_scrub_slow() {
	lab
	slow_disk slow 64
	dmremap create lab /dev/slow $M/lab-spare --yes >/dev/null
	dd if=/dev/urandom of=/dev/slow bs=4k seek=3000 count=1 oflag=direct status=none
	dd if=/dev/slow of=data bs=4k skip=3000 count=1 iflag=direct status=none
	slow_set slow error_ms=250 bad_reads=+24003-24003
	expect 6 '1 blocks unreadable' dmremap scrub lab 24000+8
	[ "$(value known_bad)" = 0 ]
	[ "$(value partial)" = 1 ]
	dmremap list lab --json | jq -e '.[0].sector == 24000 and .[0].valid == 247'
	dd if=$M/lab bs=512 skip=24004 count=4 iflag=direct status=none | cmp - <(tail -c 2048 data)
}

# Whoever asks how things are does not wait for a disk.
t_asking_waits_for_nobody() {
	local what
	slow_disk main 64
	slow_disk spare 16
	dmremap create lab /dev/main /dev/spare --yes >/dev/null
	slow_set main bad_writes=+8000-8007
	dd if=/dev/zero of=$M/lab bs=4k seek=1000 count=1 oflag=direct status=none
	[ "$(value remappings)" = 1 ]
	drop_caches
	# Each disk is busy with something.
	slow_set main stop=1
	slow_set spare stop=1
	dd if=/dev/zero of=$M/lab bs=4k seek=1100 count=1 oflag=direct status=none &
	dd if=$M/lab of=/dev/null bs=4k skip=1000 count=1 iflag=direct status=none &
	slow_has main 1 $!
	slow_has spare 1 $!
	for what in 'status lab' 'status --json' 'status --prometheus' 'status --nagios' \
		    'list lab' 'list lab --json' 'list --names' 'find lab 8000' 'map lab' \
		    'breaker lab'; do
		timeout 60 "$D" $what >out 2>&1 || [ $? != 124 ] || { echo "$what waits"; return 1; }
	done
	timeout 60 dmsetup status lab
	timeout 60 dmsetup table lab
	slow_set main stop=0
	slow_set spare stop=0
	wait
}

t_breaker() {
	lab
	dmremap create lab $M/lab-main $M/lab-spare --yes --breaker 5,3600 >/dev/null
	expect 0 'closed' dmremap breaker lab
	expect 0 'closed already' dmremap breaker lab close
	dmremap lab hurt --at 800+800 --kind write >/dev/null
	dd if=/dev/zero of=$M/lab bs=4k seek=100 count=80 oflag=direct status=none 2>/dev/null || true
	expect 0 'open' dmremap breaker lab
	expect 2 'breaker is open' dmremap status lab
	refused 1 'close' dmremap breaker lab open
	expect 0 'closed again' dmremap breaker lab close
	expect 0 'closed' dmremap breaker lab
}

t_scrub() {
	pair
	random $M/lab
	dmremap lab hurt --bad 40 --seed 4 --kind read,write >/dev/null
	local n
	n=$(dmsetup table lab-main-reads | grep -c error)
	expect 0 "blocks unreadable" dmremap scrub lab 0+8
	expect 6 "64 MiB read" dmremap scrub lab
	[ "$(value known_bad)" -ge "$n" ]
	refused 2 'no open device' dmremap scrub nonesuch
	refused 2 'beyond' dmremap scrub lab 999999999
}

t_scrub_resumes() {
	local pid at state
	lab
	slow_main 10
	dmremap create lab $M/slow $M/lab-spare --yes >/dev/null
	"$D" scrub lab --busy >out 2>&1 &
	pid=$!
	until_moved slow 6 30000 $pid
	# Or it might be done before the other one has begun.
	kill -STOP $pid
	refused 2 "'dmremap scrub' of lab is under way (process $pid)" dmremap scrub lab
	kill -INT $pid
	kill -CONT $pid
	ended 5 $pid
	# Not at a terminal: only the end is told.
	grep 'interrupted at sector' out
	[ "$(wc -l <out)" = 1 ]
	state=$(echo "$DMREMAP_STATE"/scrub-*)
	read -r at _ <"$state"
	[ "$at" -ge 8192 ]
	[ "$at" -lt 131072 ]
	expect 0 "going on from sector $at" dmremap scrub lab --busy
	[ ! -e "$state" ]
	# What a killed one leaves behind, garbage in it, and --restart.
	mkdir -p "$DMREMAP_STATE"
	echo 65536 0 >"$state"
	script -qec "$D scrub lab" out </dev/null
	grep 'going on from sector 65536' out
	grep '##.*%' out
	echo rubbish >"$state"
	expect 0 '64 MiB read' dmremap scrub lab
	echo 99999999999 0 >"$state"
	expect 0 '64 MiB read' dmremap scrub lab --restart
}

# One work at a time, whatever it is; who is at it is said.
t_one_work() {
	local pid c
	lab
	slow_main 20
	dmremap create lab $M/slow $M/lab-spare --yes --size 8M >/dev/null
	dmremap lab create new --ram --size 64M --bad 0 --spare-size 16M >/dev/null
	"$D" scrub lab --busy >out 2>&1 &
	pid=$!
	until grep -qs scrub "$DMREMAP_RUN"/lock-*; do kill -0 $pid; done
	kill -STOP $pid
	echo 800 >one
	for c in "scrub lab 0+8" "evacuate lab 800+8" "release lab --all" "retest lab --all" "detach lab --yes" "grow lab --yes" \
		 "detach lab --to $M/new-main --yes" "replace lab $M/new-spare --yes" "import lab one --format sectors"; do
		refused 2 "'dmremap scrub' of lab is under way (process $pid).*kill -INT $pid" dmremap $c
	done
	# Looking, and asking what would be done, is no work.
	for c in "status lab" "list lab" "grow lab --dry-run" "detach lab --dry-run" "import lab one --format sectors --dry-run"; do
		expect 0 '' dmremap $c
	done
	kill -INT $pid
	kill -CONT $pid
	ended 5 $pid
	expect 0 'slots now' dmremap grow lab --yes
	# A lock that is left behind is none; an area that is written to has one writer.
	dmremap close lab
	python3 -c 'import fcntl, os, struct, sys
f = open(sys.argv[1], "r+b", buffering=0)
fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))
open("held", "w").close()
sys.stdin.read()' $M/lab-spare <><(:) &
	pid=$!
	until [ -e held ]; do kill -0 $pid; done
	dd if=/dev/zero of=$M/lab-spare bs=4k seek=1 count=1 conv=notrunc,nocreat oflag=direct status=none
	refused 2 'another dmremap writes to this spare area' dmremap repair $M/lab-spare
	kill -KILL $pid
	wait $pid || true
	expect 0 repaired dmremap repair $M/lab-spare
}

t_evacuate_interrupted() {
	local pid
	dmremap lab create lab --ram --size 16M --spare-size 20M --bad 0 >/dev/null
	random $M/lab-main 16
	slow_main 10
	dmremap create lab $M/slow $M/lab-spare --yes >/dev/null
	"$D" evacuate lab --all >out 2>&1 &
	pid=$!
	until_moved slow 6 5000 $pid
	kill -INT $pid
	ended 5 $pid
	[ "$(value remappings)" -gt 0 ]
	[ "$(value remappings)" -lt 4096 ]
	[ "$(dsum $M/lab)" = "$(dsum $M/lab-main)" ]
	expect 0 "$(value remappings) were there already" dmremap evacuate lab --all
	[ "$(value remappings)" = 4096 ]
	[ "$(dsum $M/lab)" = "$(dsum $M/lab-main)" ]
}

t_import_formats() {
	local before
	pair
	# badblocks itself, over the failing disk
	dmremap lab hurt --at 800+16,4000+8 --kind read,write >/dev/null
	badblocks -b 4096 $M/lab-main >bb || true
	[ "$(cat bb)" = "$(printf '100\n101\n500')" ]
	refused 1 'of what format' dmremap import lab bb
	expect 0 '^800+16' dmremap import lab bb --format badblocks --block-size 4096 --dry-run
	expect 0 '3 could not be read' dmremap import lab bb --format badblocks --block-size 4096
	[ "$(value known_bad)" = 3 ]
	printf '10000 8\n20000 16\n' >md
	expect 0 '3 blocks moved' dmremap import lab md
	printf '# mine\n30000-30007\n31000+8\n32000\n' | expect 0 '3 blocks are known bad' dmremap import lab - --mark
	# What touches one block is one thing to do, and what is adjacent one message.
	printf '50000\n50003\n50007\n50008+9\n' >near
	expect 0 '^50003+1$' dmremap import lab near --format sectors --dry-run
	before=$(value metadata_writes)
	expect 0 '3 blocks are known bad now, 0 were dealt' dmremap import lab near --format sectors --mark
	[ $(($(value metadata_writes) - before)) = 2 ]
	cat >dd.map <<'MAP'
# Mapfile. Created by GNU ddrescue version 1.27
# Command line: ddrescue /dev/sdb rescue.img dd.map
# current_pos  current_status  current_pass
0x02500000     +               1
#      pos        size  status
0x00000000  0x01400000  +
0x01400000  0x00001000  -
0x01401000  0x00001000  /
0x01402000  0x000FE000  *
0x01500000  0x00B00000  +
0x02000000  0x02000000  ?
MAP
	expect 0 '^40960+2048' dmremap import lab dd.map --dry-run
	cat >smart.txt <<'TXT'
smartctl 7.3 2022-02-28 r5338 [x86_64-linux-6.1.0] (local build)

=== START OF READ SMART DATA SECTION ===
SMART Self-test log structure revision number 1
Num  Test_Description    Status                  Remaining  LifeTime(hours)  LBA_of_first_error
# 1  Extended offline    Completed: read failure       90%     22212         52808
# 2  Short offline       Completed without error       00%     22100         -
TXT
	expect 0 '^52808+1$' dmremap import lab smart.txt --dry-run
	cat >nvme.txt <<'TXT'
smartctl 7.3
Error Information (NVMe Log 0x01, 16 of 63 entries)
Num   ErrCount  SQId   CmdId  Status  PELoc          LBA  NSID    VS
  0          5     1  0x00a3  0x4502  0x000        60001     1     -
TXT
	expect 0 '^60001+1$' dmremap import lab nvme.txt --dry-run
	echo '{"logical_block_size":512,"ata_smart_self_test_log":{"extended":{"table":[{"lba":70001},{"status":{}}]}}}' |
		expect 0 '^70001+1$' dmremap import lab - --dry-run
}

t_import_refuses() {
	local before
	pair
	before=$(dmsetup message lab 0 status)
	refused 2 'nothing was changed' dmremap import lab /etc/passwd --format sectors
	refused 2 'no text' dmremap import lab "$(img main)" --format sectors
	refused 2 'No such file' dmremap import lab nonesuch
	refused 1 'not .odd' dmremap import lab /etc/passwd --format odd
	printf '80\n999999999\n' >far
	refused 2 'beyond the end' dmremap import lab far --format sectors
	printf '80\n-1\n' >neg
	refused 2 'line 2' dmremap import lab neg --format badblocks
	printf '80\n99999999999999999999999\n' >huge
	refused 2 'line 2' dmremap import lab huge --format badblocks
	printf '18446744073709551615\n' >top
	refused 2 'line 1\|beyond' dmremap import lab top --format badblocks
	printf '0-131071\n' >all
	refused 2 'slots' dmremap import lab all
	echo '{' >json
	refused 2 'JSON' dmremap import lab json
	echo '{}' >json
	refused 2 'no list' dmremap import lab json
	[ "$(dmsetup message lab 0 status)" = "$before" ]
}

# A disk that keeps its own spares: what lies behind the target is left out, and said.
t_import_own_spare() {
	local m
	truncate -s 128M main
	m=$(losetup -f --show main)
	dmremap create lab $m $m --start 96M --yes >/dev/null
	sed 's/LASTLBA/250000/' >list <<-'F'
	smartctl 7.3 2022-02-28 r5338 [x86_64-linux-6.1.0-18-amd64] (local build)

	Sector Sizes:     512 bytes logical, 4096 bytes physical

	Num  Test_Description    Status                  Remaining  LifeTime(hours)  LBA_of_first_error
	# 1  Extended offline    Completed: read failure       90%     22212         65536
	# 2  Extended offline    Completed: read failure       10%     21212         LASTLBA
	F
	expect 0 "1 sectors in the pair's own spare area" dmremap import lab list --dry-run
	expect 0 '^lab: 1 blocks moved' dmremap import lab list
	[ "$(value remappings)" = 1 ]
	# The same of a map of all of the disk; beyond the disk it is another's.
	printf '0x0 +\n0x0 0x2000 +\n0x2000 0x200 -\n0x7000000 0x200 -\n' >map
	expect 0 '^16+1$' dmremap import lab map --dry-run
	printf '0x0 +\n0x0 0x2000 +\n0x8000000 0x200 -\n' >map
	refused 2 'beyond the end' dmremap import lab map --dry-run
}

# The list's unit is the disk's logical block: without a node in /dev, too.
t_import_without_node() {
	local m
	truncate -s 64M main
	m=$(losetup -f --show main)
	lab
	dmremap create lab $m $M/lab-spare --yes >/dev/null
	printf '%s\n' 'Num  Test_Description    Status                  Remaining  LifeTime(hours)  LBA_of_first_error' \
		'# 1  Extended offline    Completed: read failure       90%     22212         65536' \
		'# 2  Extended offline    Completed: read failure       90%     21212         70001' >list
	mv $m $m.hidden
	expect 0 '^70001+1$' dmremap import lab list --dry-run
	expect 0 '^lab: 2 blocks moved' dmremap import lab list
	mv $m.hidden $m
	[ "$(value remappings)" = 2 ]
}

t_export_import() {
	local f
	pair
	dmremap evacuate lab 800+80 >/dev/null
	dmremap evacuate lab 131064+8 >/dev/null
	dmremap export lab >want
	for f in badblocks ddrescue md sectors; do
		dmremap export lab --format $f --output list
		dmremap import lab list --format $f --dry-run | grep -v '^#' |
			awk -F+ '{ print $1 "-" $1 + $2 - 1 }' | cmp - want
	done
	refused 1 'format' dmremap export lab --format odd
}

t_fill() {
	local want
	pair
	random $M/lab
	cp "$(img main)" rescue.img
	dmremap lab hurt --at 8000+80,16001+2 --kind read,write >/dev/null
	expect 6 unreadable dmremap scrub lab
	# The readable sectors of the eleventh have been rescued: it counts as remapped.
	[ "$(value known_bad)" = 10 ]
	# Newer than the image, in the same block as what is lost.
	dd if=/dev/urandom of=$M/lab bs=512 seek=16004 count=1 oflag=direct status=none
	dd if=/dev/urandom of=$M/lab bs=4k seek=1 count=1 oflag=direct status=none
	cp rescue.img want
	dd if="$(img main)" of=want bs=4k skip=1 seek=1 count=1 conv=notrunc status=none
	dd if=$M/lab of=want bs=512 skip=16004 seek=16004 count=1 iflag=direct conv=notrunc status=none
	# ddrescue got all but one sector.
	printf '# Mapfile. Created by GNU ddrescue\n0x0 + 1\n0x0 0x3e8200 +\n0x3e8200 0x200 -\n0x3e8400 0x3c17c00 +\n' >map
	mkdir -p "$T/mnt"
	refused 1 'map file' dmremap import lab /dev/null --format sectors --fill rescue.img
	refused 2 'No such file' dmremap import lab map --fill nonesuch
	dmsetup create user --table "0 131072 linear $M/lab 0"
	expect 2 'unmount it' dmremap import lab map --fill rescue.img
	dmsetup remove user
	expect 0 '81 sectors filled from the image' dmremap import lab map --fill rescue.img
	dd if=$M/lab of=/dev/null bs=512 skip=8001 count=1 iflag=direct status=none 2>/dev/null && return 1
	dd if=rescue.img of=$M/lab bs=512 skip=8001 seek=8001 count=1 oflag=direct status=none
	cmp $M/lab want
}

# A flush that fails has lost what was filled: it is told, and all of it is written again.
t_fill_flush_fails() {
	local n s want
	pair
	random $M/lab
	cp "$(img main)" rescue.img
	want=$(dsum $M/lab)
	printf '# Mapfile. Created by GNU ddrescue\n0x0 + 1\n0x0 0x4000000 +\n' >map
	for ((n = 1; n < 10; n++)); do
		dmremap lab hurt --at 8000+80,16001+2 --kind read,write >/dev/null
		dmremap scrub lab >/dev/null || [ $? = 6 ]
		[ "$(value known_bad)" = 10 ]
		s=0
		FLUSH_FAILS_AT=$n FLUSH_LOG=$T/flushes LD_PRELOAD=$top/build/tool/flush.so /run/dmremap import lab map --fill rescue.img >out 2>err || s=$?
		cat out err flushes
		grep -q repeated=0 flushes
		[ $s = 0 ]
		[ "$(dsum $M/lab)" = "$want" ]
		grep -q failed=1 flushes || break
		grep 'a flush failed' err
		dmremap lab heal >/dev/null
		dmremap release lab --all >/dev/null
		dmremap retest lab --all >/dev/null
		[ "$(value remappings)" = 0 ]
	done
	[ $n -gt 1 ]
	# Each time: no success.
	dmremap lab heal >/dev/null
	dmremap release lab --all >/dev/null
	dmremap lab hurt --at 8000+80 --kind read,write >/dev/null
	dmremap scrub lab >/dev/null || [ $? = 6 ]
	cat >never.c <<'C'
#include <errno.h>
int fdatasync(int fd) { (void)fd; errno = EIO; return -1; }
C
	gcc -shared -fPIC -o never.so never.c
	s=0
	LD_PRELOAD=$T/never.so /run/dmremap import lab map --fill rescue.img >out 2>err || s=$?
	[ $s = 3 ]
	grep 'may be lost' err
}

# A partition, LVM or dm-crypt between the file system and us.
t_whose_and_find_file() {
	local s path mnt=$T/mnt
	pair
	mkdir -p "$mnt"
	for layer in none lvm crypt; do
		case $layer in
		none) path=$M/lab ;;
		lvm)
			wipefs -qa $M/lab
			# LVM takes no PV that it sees twice: on lab-main and what that is made of, too.
			echo 'devices { global_filter = [ "r|^/dev/mapper/lab-|", "r|^/dev/loop|" ] }' >/etc/lvm/lvmlocal.conf
			pvcreate -q -y $M/lab >/dev/null 2>&1
			vgcreate -q vgt $M/lab >/dev/null 2>&1
			lvcreate -q -an -Zn -L 8M -n pad vgt >/dev/null 2>&1
			lvcreate -q -Zn -L 40M -n lv vgt >/dev/null 2>&1
			path=$M/vgt-lv ;;
		crypt)
			dmsetup create crypted --table "0 129024 crypt aes-xts-plain64 $(printf '%064d' 7) 0 $M/lab 2048"
			path=$M/crypted ;;
		esac
		mkfs.ext4 -q -b 4096 $path 2>/dev/null
		mount $path "$mnt"
		random "$mnt/a file" 8
		cp "$mnt/a file" "$mnt/b"
		sync
		# Where does the kernel itself say that byte 409600 of b is?
		python3 - "$mnt/b" <<'PY' >block
import fcntl, struct, sys
f = open(sys.argv[1])
print(struct.unpack("I", fcntl.ioctl(f, 1, struct.pack("I", 100)))[0])
PY
		s=$(($(cat block) * 8))
		case $layer in
		lvm) s=$((s + $(dmsetup table vgt-lv | awk '{ print $5 }'))) ;;
		crypt) s=$((s + 2048)) ;;
		esac
		dmremap evacuate lab $s+8 >/dev/null
		expect 0 "^ *409600 *$s remapped" dmremap find --file "$mnt/b"
		expect 0 'healthy' dmremap find --file "$mnt/a file"
		expect 0 "sectors $s to $((s + 7)): $mnt/b, bytes 409600 to 413695" dmremap whose lab $s+8
		expect 0 "metadata" dmremap whose lab 1
		expect 0 "$mnt/b" dmremap whose lab --remapped
		# The data agrees: what is there is what the file has.
		umount "$mnt"
		case $layer in
		lvm) vgchange -q -an vgt >/dev/null 2>&1; vgremove -q -f vgt >/dev/null 2>&1; pvremove -q $M/lab >/dev/null 2>&1; rm /etc/lvm/lvmlocal.conf ;;
		crypt) dmsetup remove crypted ;;
		esac
		dmremap release lab --all >/dev/null
	done
	refused 2 'not on a dm-remap' dmremap find --file /etc/passwd
	refused 2 'not an ordinary file' dmremap find --file /dev/null
	refused 2 'mounted' dmremap whose lab 0
	expect 0 'no block is' dmremap whose lab --all
}

# What a script and a person get of odd names, and whose the other sectors are.
t_whose_tells() {
	local s free
	pair
	mkfs.ext4 -q -b 4096 $M/lab 2>/dev/null
	mkdir -p mnt
	mount $M/lab mnt
	random $'mnt/a\n\e[31m\\b' 1
	sync
	s=$(filefrag -e -b512 mnt/a* | awk '$1 == "0:" { print $4 + 0 }')
	expect 0 "mnt/a\\\\012\\\\033\[31m\\\\\\\\b, bytes 0 to 4095" dmremap whose lab $s+8
	[ "$(wc -l </run/expect.out)" = 1 ]
	expect 0 'a.012' dmremap whose lab $s+8 $((s + 16))+8 --names
	[ "$(wc -l </run/expect.out)" = 1 ]
	dmremap whose lab $s+8 0+8 --null | cmp - <(printf '%s\0' "$T/mnt/"$'a\n\e[31m\\b')
	dmremap whose lab $s+8 --json | jq -e --arg p "$T/mnt/"$'a\n\e[31m\\b' '.[0].path == $p and .[0].owner == "file" and .[0].offset == 0'
	free=$(debugfs -R 'ffb 1 9000' $M/lab 2>/dev/null | awk '{ print $NF }')
	expect 0 'free' dmremap whose lab $((free * 8))
	[ "$(dmremap whose lab 0+8 $((free * 8))+8 --json | jq -c 'map(.owner)')" = '["metadata","free"]' ]
	expect 0 'mnt, bytes' dmremap whose lab $(($(debugfs -R 'bmap / 0' $M/lab 2>/dev/null) * 8))
	rm -f mnt/a*
	# The spare dies: now it is needed.
	dmremap evacuate lab 800+8 >/dev/null
	random mnt/c 1
	sync
	s=$(filefrag -e -b512 mnt/c | awk '$1 == "0:" { print $4 + 0 }')
	dmremap evacuate lab $s+8 >/dev/null
	dmsetup suspend --nolockfs lab-spare
	dmsetup reload lab-spare --table "0 $(blockdev --getsz $M/lab-spare) error"
	dmsetup resume lab-spare
	dd if=$M/lab bs=512 skip=$s count=1 of=/dev/null iflag=direct status=none 2>/dev/null || true
	expect 0 'mnt/c' dmremap whose lab --remapped
	# Nothing can be written to it: then its mode is fail, and now it is needed most.
	dmremap evacuate lab 70000+8 >/dev/null 2>&1 || true
	[ "$(value mode)" = fail ]
	expect 2 'CRITICAL' dmremap status lab
	expect 0 'mnt/c' dmremap whose lab --remapped
	umount mnt
}

# One part of the device is mounted, the other is not: what is there is nobody's to tell.
t_whose_not_mounted() {
	local s
	pair
	dmsetup create one --table "0 65536 linear $M/lab 0"
	dmsetup create two --table "0 65536 linear $M/lab 65536"
	mkfs.ext4 -q -b 4096 $M/one 2>/dev/null
	mkfs.ext4 -q -b 4096 $M/two 2>/dev/null
	mkdir -p mnt
	mount $M/two mnt
	random mnt/file 1
	sync
	s=$((65536 + $(filefrag -e -b512 mnt/file | awk '$1 == "0:" { print $4 + 0 }')))
	umount mnt
	mount $M/one mnt
	expect 0 "sectors $s to $((s + 7)): no file of a mounted file system.*not mounted" dmremap whose lab $s+8
	[ "$(dmremap whose lab $s+8 8+8 --json | jq -c 'map(.owner)')" = '["metadata","unknown"]' ]
	umount mnt
	mount $M/two mnt
	expect 0 "$T/mnt/file, bytes 0 to" dmremap whose lab $s+8
	umount mnt
}

# A name with blanks is another one in /dev/mapper.
t_name_with_blanks() {
	lab
	dmsetup create 'my disk' --uuid DMREMAP-TEST-blank --table "0 131072 dm-remap $M/lab-main $M/lab-spare 0"
	expect 0 '64 MiB read' dmremap scrub 'my disk'
	# What is shown of dmsetup can be pasted.
	expect 0 "^dmsetup message 'my disk' 0 release" dmremap detach 'my disk' --dry-run
	dmremap close 'my disk' --dry-run >line
	[ "$(cat line)" = "dmsetup remove 'my disk'" ]
	dmremap lab hurt --at 8000+8 --kind read,write >/dev/null
	# As the node is called, and as systemd-escape writes it.
	expect 6 '1 blocks unreadable' dmremap scrub 'my\x20disk'
	dmsetup rename 'my disk' my-disk
	expect 6 '^my-disk: .*1 blocks unreadable' dmremap scrub 'my\x2ddisk'
	refused 2 'no open device' dmremap scrub 'my\x2zdisk'
	dmsetup rename my-disk 'my disk'
	expect 6 '^my disk: .*1 blocks unreadable' dmremap scrub 'my disk'
	# In /etc/default/dmremap, a blank ends a name.
	expect 0 'Attention my disk: ' dmremap monitor --once 'my\x20disk'
	not grep Missing /run/expect.out
	truncate -s 64M image
	printf '# Mapfile. Created by GNU ddrescue\n0x0 + 1\n0x0 0x4000000 +\n' >map
	expect 0 '8 sectors filled' dmremap import 'my disk' map --fill image
	dmremap lab create new --ram --size 64M --bad 0 --spare-size 1M >/dev/null
	expect 0 'all of it' dmremap detach 'my disk' --to $M/new-main --yes
}
