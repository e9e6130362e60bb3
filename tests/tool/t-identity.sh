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
