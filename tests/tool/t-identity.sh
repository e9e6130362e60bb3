# shellcheck shell=bash disable=SC2154,SC2046,SC2086,SC2119
# SPDX-License-Identifier: GPL-2.0
#
# The right disk or none: identity, what was recorded, main and spare in use, main that
# was used without its spare, main that is gone.

# gpt_disk NAME MIB: with one partition, whose identity is the same on each
# (null_blk reports no serial number, and what is told by its partition UUID is the same
# for a disk and its copy.)
gpt_disk() {
	local name=$1 mib=$2
	nullb "$name" "$mib" 512
	sgdisk -a 8 -U 11111111-2222-3333-4444-555555555555 -n 1:2048:67583 \
		-u 1:AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE /dev/$name >/dev/null
	settled "$name"
}
# The partition has a node: here there is no udevd.
settled() {
	partprobe /dev/$1 2>/dev/null || blockdev --rereadpt /dev/$1
	local i
	for i in "/sys/block/$1/$1"*; do
		[ -b "/dev/${i##*/}" ] || mknod "/dev/${i##*/}" b $(tr : ' ' <"$i/dev")
	done
}

# A disk and its copy: which one is meant is not to be guessed. (case-30)
t_two_bearers() {
	lab
	gpt_disk nba 40
	gpt_disk nbb 40
	tr '\0' a </dev/zero | dd of=/dev/nba1 bs=4k seek=100 count=1 iflag=fullblock oflag=direct status=none
	dd if=/dev/nba of=/dev/nbb bs=1M oflag=direct status=none
	tr '\0' b </dev/zero | dd of=/dev/nbb1 bs=4k seek=100 count=1 iflag=fullblock oflag=direct status=none
	dmremap create data /dev/nba1 $M/lab-spare --yes --label data >/dev/null
	dmremap evacuate data 800+8 >/dev/null
	# When one is in use, too.
	dmremap scan | grep 'open as data'
	dmremap close data
	for dev in nba1 nbb1; do
		expect 0 "2 devices bear the name.*/dev/$dev (.*32 MiB.*--this-main" dmremap scan
		refused 2 "2 devices bear the name.*/dev/$dev (.*--this-main" dmremap assemble
		refused 2 "2 devices bear the name.*/dev/$dev (.*--this-main" dmremap open data $M/lab-spare
		refused 2 "2 devices bear the name" dmremap open data /dev/$dev $M/lab-spare
	done
	[ "$(dmremap scan --json | jq -c '.[0].mains | sort')" = '["/dev/nba1","/dev/nbb1"]' ]
	mkdir mnt
	mkfs.ext4 -q /dev/nbb1
	mount /dev/nbb1 mnt
	refused 2 "2 devices bear the name.*mounted on $T/mnt" dmremap assemble
	umount mnt
	dmremap open data /dev/nba1 $M/lab-spare --this-main
	[ "$(dd if=$M/data bs=4k skip=100 count=1 iflag=direct status=none | tr -d a | wc -c)" = 0 ]
	expect 0 'data: FINE' dmremap status data
}

# What was recorded of main stays as it is, and a wrong main never gets to FINE. (30b, 49)
t_recorded() {
	local before
	lab
	# Of the same name, and of another size, sector size or place
	dmsetup create --uuid DMREMAP-TEST-m m --table "0 100000 linear $M/lab-main 0"
	dmremap create data $M/m $M/lab-spare --yes --label data >/dev/null
	dmremap close data
	before=$(dmremap inspect $M/lab-spare | grep 'main device')
	dmsetup reload m --table "0 131072 linear $M/lab-main 0"
	dmsetup resume m
	expect 0 'has 131072 sectors, recorded are 100000' dmremap scan
	refused 2 'has 131072 sectors, recorded are 100000' dmremap assemble
	refused 2 'if it was enlarged, give --main-grown' dmremap open data $M/lab-spare
	refused 2 'if it was enlarged, give --main-grown' dmremap open data $M/m $M/lab-spare --any-main --yes
	[ "$(dmremap inspect $M/lab-spare | grep 'main device')" = "$before" ]
	dmsetup reload m --table "0 99992 linear $M/lab-main 0"
	dmsetup resume m
	refused 2 'has 99992 sectors, recorded are 100000' dmremap open data $M/lab-spare --main-grown
	# The right size, another name
	dmsetup create other --table "0 100000 linear $M/lab-main 0"
	refused 2 'recorded is .dm:DMREMAP-TEST-m' dmremap open data $M/other $M/lab-spare
	refused 4 'nobody to ask' dmremap open data $M/other $M/lab-spare --any-main
	expect 4 "recorded is .dm:DMREMAP-TEST-m" script -qec "$D open data $M/other $M/lab-spare --any-main" /dev/null <<<no
	dmremap open data $M/other $M/lab-spare --any-main --yes
	expect 1 "not as it was recorded: it is .*recorded is .dm:DMREMAP-TEST-m" dmremap status data
	dmremap close data
	dmsetup reload m --table "0 131072 linear $M/lab-main 0"
	dmsetup resume m
	dmremap open data $M/m $M/lab-spare --main-grown --force
	expect 0 'data: FINE' dmremap status data
	[ "$(value_of data main_sectors)" = 131072 ]
}
value_of() {
	local s
	s=" $(dmsetup message $1 0 status) "
	s=${s#* "$2"=}
	echo "${s%% *}"
}

# The reason of a refusal is what the kernel has logged. (case-49)
t_reason() {
	lab
	nullb nba 64 512
	nullb nbb 64 4096
	dmremap create data /dev/nba $M/lab-spare --yes >/dev/null
	dmremap close data
	refused 3 'spare belongs to a main device with blocks of 512 bytes, this one has 4096$' dmremap open data /dev/nbb $M/lab-spare --any-main --yes
}

# The fingerprint: what a mount changes is found; a power cut claims nothing.
t_used_without_us() {
	pair
	mkdir mnt
	mkfs.ext4 -q $M/lab
	dmremap close lab
	# Nothing has changed.
	dmremap assemble >/dev/null
	expect 0 'lab: FINE' dmremap status lab
	dmremap close lab
	mount $M/lab-main mnt
	umount mnt
	refused 2 'written to without its spare.*--force' dmremap assemble
	refused 2 'written to without its spare.*--force' dmremap open lab $M/lab-spare
	dmremap open lab $M/lab-spare --read-only >/dev/null
	expect 1 'written to without its spare' dmremap status lab
	dmremap close lab
	expect 0 'WARNING' dmremap assemble --force
	expect 1 'written to without its spare.*dmremap accept lab' dmremap status lab
	dmesg | grep 'the main device was used without its spare'
	# It is remembered until somebody has seen to it.
	dmremap close lab
	dmremap assemble >/dev/null
	expect 1 'written to without its spare' dmremap status lab
	dmremap accept lab
	expect 0 'lab: FINE' dmremap status lab
	dmremap close lab
	dmremap assemble >/dev/null
	expect 0 'lab: FINE' dmremap status lab
	# Without a clean close nothing is known.
	dmsetup remove lab
	mount $M/lab-main mnt
	umount mnt
	dmremap assemble >/dev/null
	expect 0 'lab: FINE' dmremap status lab
}

# A spare area on main's own disk overlaps nothing that is there. (case-32, 32c)
t_same_disk() {
	local before s
	nullb nba 64 512
	mkfs.ext4 -q -b 4096 /dev/nba
	before=$(dsum /dev/nba)
	refused 2 'overlap the ext4 file system there (sectors 0 to 131071)' dmremap create a /dev/nba /dev/nba --start 48M --yes --force
	refused 2 'overlap the ext4 file system there' dmremap create a /dev/nba /dev/nba --start 48M --dry-run
	# Longer than what would be left of the device, with the spare elsewhere
	lab
	refused 2 'ext4 file system on /dev/nba has 131072 sectors, more than the 98304' dmremap create a /dev/nba $M/lab-spare --length 48M --yes
	[ "$(dsum /dev/nba)" = "$before" ]
	resize2fs /dev/nba 48M >/dev/null 2>&1
	dmremap create a /dev/nba /dev/nba --start 48M --yes >/dev/null
	e2fsck -fn $M/a >/dev/null
	dmremap close a
	# XFS, a physical volume, swap, an array's member
	nullb nbb 400 512
	mkfs.xfs -q -f -d size=350m /dev/nbb
	refused 2 'overlap the xfs file system there (sectors 0 to 716799)' dmremap create a /dev/nbb /dev/nbb --start 340M --yes --force
	dmremap create a /dev/nbb /dev/nbb --start 360M --yes >/dev/null
	dmremap close a
	for s in 'mkswap' 'pvcreate -q -y -ff' 'mdadm -q --create /dev/md9 --run --force --level 1 -n 1'; do
		# Not every kernel here has md.
		[[ $s != mdadm* ]] || grep -q '^md' /proc/mdstat 2>/dev/null || modprobe -q md-mod || continue
		wipefs -qa $M/lab-main
		$s $M/lab-main >out 2>&1 || { cat out; return 1; }
		[ ! -b /dev/md9 ] || mdadm -q --stop /dev/md9
		refused 2 'overlap the [A-Za-z0-9_]* .*there' dmremap create a $M/lab-main $M/lab-main --start 48M --yes --force
	done
	wipefs -qa /dev/nba
	# Partitions: between, inside, and the table at the end
	sgdisk -a 8 -n 1:2048:40959 -n 2:81920:122879 /dev/nba >/dev/null
	settled nba
	before=$(dsum /dev/nba)
	refused 2 'overlap partition 2 there (sectors 81920 to 122879)' dmremap create a /dev/nba /dev/nba --start 30M --size 20M --yes --force
	refused 2 'overlap partition 1 there' dmremap create a /dev/nba /dev/nba --start 2M --size 1M --yes --force
	refused 2 'overlap partition 1 there' dmremap create a /dev/nba2 /dev/nba --start 2M --size 1M --yes --force
	refused 2 'overlap the gpt partition table there' dmremap create a /dev/nba /dev/nba --start 61M --yes --force
	[ "$(dsum /dev/nba)" = "$before" ]
	refused 2 'does not let /dev/nba be used together with a partition' dmremap create a /dev/nba1 /dev/nba --start 21M --size 4M --yes
	[ "$(dsum /dev/nba)" = "$before" ]
	dmremap create a /dev/nba1 /dev/nba2 --yes >/dev/null
	dmremap close a
	# On another disk it is asked.
	refused 2 'holds partition 2' dmremap create a $M/lab-main /dev/nba --start 41M --size 4M --yes
}

# A disk that is partitioned: its partitions come up with the device, and go with it.
t_partitioned() {
	lab
	sgdisk -a 8 -n 1:2048:40959 -n 5:40960:81919 $M/lab-main >/dev/null
	expect 4 '2 partitions). All of it is mapped.*data-part1.*for one partition only' script -qec "$D create data $M/lab-main $M/lab-spare --label data" /dev/null <<<no
	expect 0 '2 partitions). All of it is mapped' dmremap create data $M/lab-main $M/lab-spare --label data --yes
	[ "$(blockdev --getsz $M/data-part1)" = 38912 ]
	[ "$(blockdev --getsz $M/data-part5)" = 40960 ]
	mkdir mnt
	mkfs.ext4 -q -b 4096 $M/data-part1
	mount $M/data-part1 mnt
	random mnt/f 4
	refused 2 "data-part1 is in use: mounted on $T/mnt" dmremap close data
	[ -e $M/data-part5 ]
	dmremap evacuate data 4096+4096 >/dev/null
	umount mnt
	dmremap close data
	[ ! -e $M/data-part1 ]
	[ ! -e $M/data ]
	dmremap assemble >/dev/null
	e2fsck -fn $M/data-part1 >/dev/null
	expect 0 'data: FINE' dmremap status data
	dmremap close data
	# Read-only as the device is
	dmremap open data $M/lab-spare --read-only
	[ "$(blockdev --getro $M/data-part1)" = 1 ]
	dmremap close data
	# What wants the device for itself takes the partitions away, and brings them back.
	dmremap open data $M/lab-spare >/dev/null
	nullb nba 64 512
	refused 4 'nobody to ask' dmremap detach data --to /dev/nba
	[ -e $M/data-part1 ]
	expect 0 'copied to /dev/nba' dmremap detach data --to /dev/nba --keep-spare --yes
	[ ! -e $M/data-part1 ]
	dmremap open data $M/lab-spare >/dev/null
	dmremap close data
	# Mounted on the bare disk, and so not as it was left
	dmsetup create bare --table "0 38912 linear $M/lab-main 2048"
	mount $M/bare mnt
	umount mnt
	dmsetup remove bare
	refused 2 'written to without its spare' dmremap assemble
}

# One main, one pair; and a main that has a spare is not given another one unasked.
t_one_main() {
	local a b
	pair
	dmremap lab create two --ram --size 64M --spare-size 16M --bad 0 >/dev/null
	refused 2 'is in use: held by' dmremap create x $M/lab-main $M/two-spare --yes
	refused 2 'is in use: held by\|spare area of the open' dmremap create x $M/lab-spare $M/two-spare --yes
	refused 2 "main device of 'lab'" dmremap create x $M/two-main $M/lab-main --yes --force
	dmremap evacuate lab 800+80 >/dev/null
	dmremap close lab
	refused 2 "has a spare already, 'lab' on $M/lab-spare, with 10 blocks" dmremap create x $M/lab-main $M/two-spare --yes
	refused 2 "a spare area of dm-remap.*with 10 blocks" dmremap create x $M/two-main $M/lab-spare --yes
	# Its table cannot be read: that is not "0 blocks", which anybody would give up.
	dd if=$M/lab-spare of=keep bs=4k count=4096 iflag=direct status=none
	dd if=/dev/zero of=$M/lab-spare bs=4k seek=1 count=1 oflag=direct conv=notrunc status=none
	dd if=/dev/zero of=$M/lab-spare bs=4k seek=2049 count=1 oflag=direct conv=notrunc status=none
	refused 2 "has a spare already, 'lab' on $M/lab-spare, with an unknown number of blocks" dmremap create x $M/lab-main $M/two-spare --yes
	refused 2 "a spare area of dm-remap.*with an unknown number of blocks (neither copy" dmremap create x $M/two-main $M/lab-spare --yes
	dd if=keep of=$M/lab-spare bs=4k oflag=direct conv=notrunc status=none
	# Two at once: one of them.
	dmremap create x $M/two-main $M/two-spare --yes >a 2>&1 &
	a=$!
	dmremap create y $M/two-main $M/lab-spare --yes --force >b 2>&1 &
	b=$!
	local sa=0 sb=0
	wait $a || sa=$?
	wait $b || sb=$?
	[ $((sa == 0)) != $((sb == 0)) ]
	[ "$(dmsetup ls --target dm-remap | wc -l)" = 1 ]
	cat a b
}

# The disk is pulled out.
pull() { echo 0 >"/sys/kernel/config/nullb/$1/power"; }

# A main device that is gone is the news; back by another name, it is offered. (case-37)
t_main_gone() {
	local want
	lab
	gpt_disk nba 40
	random /dev/nba1 32
	dmremap create data /dev/nba1 $M/lab-spare --yes --label data >/dev/null
	dmremap evacuate data 800+8 >/dev/null
	want=$(dsum $M/data)
	dd if=/dev/nba of=nba.img bs=1M status=none
	expect 0 'data: FINE' dmremap status data
	"$D" monitor data --interval 1 --test >events 2>&1 &
	local monitor=$!
	until grep -q '^Test data: ' events; do kill -0 $monitor; done
	pull nba
	dd if=/dev/zero of=$M/data bs=4k count=1 oflag=direct status=none 2>/dev/null && return 1
	until grep -q '^MainGone data: ' events; do kill -0 $monitor; done
	until grep -q '^Critical data: .*is gone since' events; do kill -0 $monitor; done
	kill -TERM $monitor
	expect 2 'the main device is gone since 20' dmremap status data
	expect 2 'CRITICAL' dmremap status data
	expect 2 'safe *no: the main device is gone' dmremap status data
	expect 2 'error.* passed on without a remap' dmremap status data
	dmremap status --prometheus >metrics || true
	grep '^dmremap_health{name="data"} 2$' metrics
	grep '^dmremap_main_gone{name="data"} [1-9]' metrics
	refused 3 'Input/output error' dmremap accept data
	# Not back yet: nothing to do.
	expect 0 '' dmremap assemble
	gpt_disk nbb 40
	dd if=nba.img of=/dev/nbb bs=1M oflag=direct status=none
	blockdev --rereadpt /dev/nbb
	settled nbb
	refused 2 'data is open on a main device that is gone, which is back as /dev/nbb1; .*--yes' dmremap assemble
	exec 8<$M/data
	refused 2 'end what uses /dev/mapper/data' dmremap assemble --yes
	exec 8<&-
	expect 0 "$M/data: /dev/nbb1, spare" dmremap assemble --yes
	[ "$(dsum $M/data)" = "$want" ]
	expect 0 'data: FINE' dmremap status data
}

# A spare that is gone: the way out, on which nothing old is read. (section 4)
t_spare_lost() {
	lab
	nullb nba 16 512
	dmremap create lab $M/lab-main /dev/nba --yes --label lab >/dev/null
	mkfs.ext4 -q -b 4096 $M/lab
	mkdir mnt
	mount $M/lab mnt
	random mnt/good 2
	random mnt/bad 2
	sync
	local s
	s=$(($(debugfs -R 'bmap bad 0' $M/lab 2>/dev/null) * 8))
	[ $s -gt 0 ]
	dmremap evacuate lab $s+80 >/dev/null
	dd if=/dev/urandom of=mnt/bad bs=4k count=10 conv=notrunc oflag=direct status=none
	[ "$(value remappings)" = 10 ]
	# While the spare is there, it is copied.
	refused 2 'without --spare-is-lost' dmremap replace lab $M/lab-spare --yes --spare-is-lost
	pull nba
	drop_caches
	dd if=mnt/bad of=/dev/null bs=4k count=1 iflag=direct status=none 2>/dev/null && return 1
	[ "$(value mode)" = fail ]
	expect 2 "the spare is gone.*dmremap replace lab NEWSPARE --spare-is-lost" dmremap status lab
	refused 2 'spare-is-lost' dmremap replace lab $M/lab-spare --yes
	refused 4 'nobody to ask' dmremap replace lab $M/lab-spare --spare-is-lost
	expect 0 '80 sectors are lost' dmremap replace lab $M/lab-spare --yes --spare-is-lost
	[ "$(value mode)" = rw ]
	[ "$(value lost_sectors)" = 80 ]
	expect 2 '80 sectors are lost' dmremap status lab
	# An error, and not what main had before
	dd if=mnt/bad of=/dev/null bs=4k count=1 iflag=direct status=none 2>/dev/null && return 1
	dd if=mnt/good of=/dev/null bs=1M iflag=direct status=none
	expect 0 "$T/mnt/bad" dmremap whose lab --all
	# Written again, it is whole.
	dd if=/dev/urandom of=mnt/bad bs=4k count=10 conv=notrunc oflag=direct status=none
	[ "$(value lost_sectors)" = 0 ]
	dd if=mnt/bad of=/dev/null bs=4k iflag=direct status=none
	umount mnt
	e2fsck -fn $M/lab >/dev/null
	dmremap close lab
	expect 0 "$M/lab" dmremap assemble
	[ "$(value remappings)" = 10 ]
	[ "$(value label)" = lab ]
}
