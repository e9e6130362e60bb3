# shellcheck shell=bash disable=SC2154,SC2086,SC2119
# SPDX-License-Identifier: GPL-2.0
#
# create, open, close, scan, assemble, lab, advise.

t_create_asks() {
	local before answer text
	lab
	before=$(sum "$(img spare)")
	refused 4 'nobody to ask' dmremap create lab $M/lab-main $M/lab-spare
	# At a terminal: anything but YES is no.
	for answer in yes NO ''; do
		case $answer in yes) text="'yes' is not YES in capital letters" ;; *) text='not confirmed' ;; esac
		expect 4 "$text" script -qec "$D create lab $M/lab-main $M/lab-spare" /dev/null <<<"$answer"
	done
	expect 0 'dmsetup create lab' dmremap create lab $M/lab-main $M/lab-spare --dry-run
	[ "$(sum "$(img spare)")" = "$before" ]
	[ ! -e $M/lab ]
	expect 0 'room for' script -qec "$D create lab $M/lab-main $M/lab-spare" /dev/null <<<YES
	[ -e $M/lab ]
}

t_create_refuses() {
	local before
	lab
	mkfs.ext4 -q $M/lab-spare 2>/dev/null
	before=$(sum "$(img spare)")
	refused 2 'No such file' dmremap create lab /dev/nonesuch $M/lab-spare --yes
	refused 2 'No such file' dmremap create lab $M/lab-main /dev/nonesuch --yes
	refused 2 'not a block device' dmremap create lab /etc/passwd $M/lab-spare --yes
	refused 2 'not a block device' dmremap create lab $M/lab-main /dev/null --yes
	refused 2 'holds ext4' dmremap create lab $M/lab-main $M/lab-spare --yes
	refused 2 'same place\|overlap\|too small\|main device' dmremap create lab $M/lab-main $M/lab-main --yes --force
	refused 2 'overlap' dmremap create lab $M/lab-main $M/lab-main --yes --force --start 32M --length 40M
	refused 2 'already' dmremap create lab-main $M/lab-main $M/lab-spare --yes
	refused 1 'no name' dmremap create 'a/b' $M/lab-main $M/lab-spare --yes
	refused 1 'no name' dmremap create 'a b;reboot' $M/lab-main $M/lab-spare --yes
	refused 1 'not a size' dmremap create lab $M/lab-main $M/lab-spare --yes --size 12Q
	refused 1 'not a size' dmremap create lab $M/lab-main $M/lab-spare --yes --start -1
	refused 1 'not a size' dmremap create lab $M/lab-main $M/lab-spare --yes --length 0
	refused 1 'no name' dmremap create $'a\nb' $M/lab-main $M/lab-spare --yes
	refused 1 'multiples' dmremap create lab $M/lab-main $M/lab-spare --yes --start 3s
	refused 2 'too small' dmremap create lab $M/lab-main $M/lab-spare --yes --size 32K
	refused 2 'does not fit' dmremap create lab $M/lab-main $M/lab-spare --yes --size 1G
	refused 1 'without spaces' dmremap create lab $M/lab-main $M/lab-spare --yes --label 'a b'
	refused 1 'COUNT,SECONDS' dmremap create lab $M/lab-main $M/lab-spare --yes --breaker 5
	refused 1 'no option' dmremap create lab $M/lab-main $M/lab-spare --frobnicate
	refused 1 'usage' dmremap create lab $M/lab-main
	refused 1 'no command' dmremap frobnicate
	mkdir -p "$T/mnt"
	mkfs.ext4 -q $M/lab-main 2>/dev/null
	mount $M/lab-main "$T/mnt"
	refused 2 'mounted on' dmremap create lab $M/lab-main $M/lab-spare --yes --force
	umount "$T/mnt"
	[ "$(sum "$(img spare)")" = "$before" ]
	expect 0 'room for' dmremap create lab $M/lab-main $M/lab-spare --yes --force
	# The old signature is gone, and what is in use is not taken again.
	blkid -p $M/lab-spare && return 1
	refused 2 'open device' dmremap create two $M/lab-main $M/lab-spare --yes --force
}

t_create_adopts() {
	lab
	mkdir -p "$T/mnt"
	mkfs.ext4 -q $M/lab-main 2>/dev/null
	mount $M/lab-main "$T/mnt"
	random "$T/mnt/file" 20
	umount "$T/mnt"
	local before
	before=$(sum "$(img main)")
	dmremap create lab $M/lab-main $M/lab-spare --yes >/dev/null
	[ "$(dsum $M/lab)" = "$before" ]
	e2fsck -fn $M/lab >/dev/null 2>&1
	dmremap close lab
	[ "$(sum "$(img main)")" = "$before" ]
}

t_close_in_use() {
	pair
	mkdir -p "$T/mnt"
	mkfs.ext4 -q $M/lab 2>/dev/null
	mount $M/lab "$T/mnt"
	refused 2 "mounted on $T/mnt" dmremap close lab
	umount "$T/mnt"
	expect 0 'dmsetup remove lab' dmremap close lab --dry-run
	[ -e $M/lab ]
	dmremap close lab
	refused 2 'no open device' dmremap close lab
}

# The devices have other names than before: identity is what counts.
t_assemble_by_identity() {
	local main spare
	pair
	dmremap lab hurt --at 80+80 --kind write >/dev/null
	random $M/lab 2
	main=$(dsum $M/lab)
	dmremap close lab
	spare=$(stat -c %t:%T "$(readlink -f $M/lab-spare)")
	# Another failing disk comes first now.
	dmsetup table lab-spare >spare.table
	exec 9<"$(losetup -n -O NAME -j "$(img spare)")"
	dmsetup remove lab-spare
	dmremap lab create other --ram --size 64M --spare-size 2M --bad 0 >/dev/null
	dmsetup create lab-spare <spare.table
	exec 9<&-
	[ "$(stat -c %t:%T "$(readlink -f $M/lab-spare)")" != "$spare" ]
	expect 0 "can be opened" dmremap scan
	expect 0 "dmsetup create lab" dmremap assemble --dry-run
	expect 0 "$M/lab: $M/lab-main, spare $M/lab-spare" dmremap assemble
	[ "$(dsum $M/lab)" = "$main" ]
	expect 0 "open as lab" dmremap scan
	[ "$(dmremap scan --json | jq -r '.[0].open_as')" = lab ]
	# Again: nothing to do.
	dmremap assemble
	dmremap close lab
	refused 2 "is not as the spare has recorded" dmremap open lab $M/other-main $M/lab-spare
	refused 2 "no spare 'nonesuch' was found" dmremap assemble nonesuch
	# The main device is missing.
	dmsetup remove lab-main
	refused 2 "not connected" dmremap assemble
	refused 2 "not connected" dmremap open lab $M/lab-spare
}

t_open_options() {
	pair
	dmremap close lab
	expect 0 'read_only' dmremap open lab $M/lab-spare --read-only --dry-run
	expect 0 'low_water 5' dmremap open lab $M/lab-spare --low-water 5 --read-retries 3 --breaker 10,20 --dry-run
	dmremap open lab $M/lab-spare --low-water 5 --read-retries 3 --breaker 10,20 >/dev/null
	dmsetup table lab | grep 'read_retries 3 breaker 10 20 low_water 5'
	refused 2 'already' dmremap open lab $M/lab-spare
	refused 2 "open already, as 'lab'" dmremap open lab2 $M/lab-spare
	dmremap close lab
	refused 2 'starts at sector 0, not here' dmremap open lab $M/lab-spare --start 4M
}

# A disk that keeps its own spares, and two areas on one spare.
t_places() {
	lab
	expect 0 'room for' dmremap create self $M/lab-main $M/lab-main --yes --start 48M
	[ "$(blockdev --getsz $M/self)" = 98304 ]
	dmremap close self
	expect 0 "$M/lab-main, sector 98304" dmremap scan
	expect 0 "$M/remap-" dmremap assemble
	dmremap close "$(dmremap list --names)"
	dmremap lab create two --ram --size 32M --spare-size 1M --bad 0 >/dev/null
	dd if=/dev/zero of=$M/lab-main bs=1M seek=48 oflag=direct status=none || true
	dmremap create a $M/lab-main $M/lab-spare --yes --label a --size 4M >/dev/null
	refused 2 "open device 'a'" dmremap create b $M/two-main $M/lab-spare --yes --label b --start 2M
	dmremap create b $M/two-main $M/lab-spare --yes --label b --start 4M --size 4M >/dev/null
	dmremap close a b
	expect 0 "$M/b:" dmremap assemble
	[ "$(dmremap list --names | tr '\n' ' ')" = 'a b ' ]
}

t_lab() {
	lab --bad 20 --seed 7 --kind read --size 256M
	dd if=$M/lab-main of=/dev/null bs=4k status=none 2>/dev/null && return 1
	random $M/lab-main
	refused 2 'already' dmremap lab create lab --ram
	refused 1 'create' dmremap lab frobnicate lab
	refused 1 'kind' dmremap lab hurt lab --kind heavy
	refused 1 'range of sectors' dmremap lab hurt lab --at 9999999
	refused 2 'no device' dmremap lab hurt nonesuch
	# A disk that is half bad, again and again, whatever fails there; or how many it can.
	expect 0 '20 bad blocks now' dmremap lab hurt lab --bad 0
	for kind in write read,write; do
		expect 0 '9020 bad blocks now' dmremap lab hurt lab --bad 9000 --kind $kind
		expect 0 '9021 bad blocks now' dmremap lab hurt lab --bad 1 --kind $kind
		refused 1 '9021 blocks are bad; this disk takes 23747 more' dmremap lab hurt lab --bad 29000 --kind $kind
		expect 0 '0 bad blocks now' dmremap lab heal lab
		expect 0 '20 bad blocks now' dmremap lab hurt lab --bad 20
	done
	# Exactly the ways that were asked for
	dmremap lab heal lab >/dev/null
	dmremap lab hurt lab --at 800+8 --kind read >/dev/null
	dmremap lab hurt lab --at 1600+8 --kind write >/dev/null
	dd if=$M/lab-main of=/dev/null bs=4k skip=100 count=1 iflag=direct status=none 2>/dev/null && return 1
	dd if=/dev/zero of=$M/lab-main bs=4k seek=100 count=1 oflag=direct status=none
	dd if=$M/lab-main of=/dev/null bs=4k skip=200 count=1 iflag=direct status=none
	dd if=/dev/zero of=$M/lab-main bs=4k seek=200 count=1 oflag=direct status=none 2>/dev/null && return 1
	dmremap lab heal lab >/dev/null
	dd if=$M/lab-main of=/dev/null bs=1M iflag=direct status=none
	dmremap create lab $M/lab-main $M/lab-spare --yes >/dev/null
	refused 2 'close that first' dmremap lab destroy lab
	dmremap close lab
	dmremap lab destroy lab
	refused 2 'no lab' dmremap lab destroy lab
	[ "$(dmsetup ls)" = "No devices found" ]
	[ -z "$(ls /dev/shm)" ]
}

t_advise() {
	lab
	cat >smart.json <<'JSON'
{"smart_status":{"passed":false},"ata_smart_attributes":{"table":[
 {"id":5,"raw":{"value":120}},{"id":197,"raw":{"value":8}},{"id":198,"raw":{"value":2}}]}}
JSON
	expect 0 'FAILING' dmremap advise $M/lab-main --smart-json smart.json
	expect 0 '130\|120 reallocated, 8 pending' dmremap advise $M/lab-main --smart-json smart.json
	[ "$(dmremap advise $M/lab-main --smart-json smart.json --json | jq .reallocated)" = 120 ]
	refused 2 'JSON' dmremap advise $M/lab-main --smart-json /etc/passwd
	truncate -s 4T big
	[ "$(dmremap advise big --smart-json smart.json --json | jq .spare_sectors)" -gt 8388608 ]
	# Who has a spare is not told to create one: given the disk, or the pair.
	expect 0 'next: dmremap create' dmremap advise $M/lab-main --smart-json smart.json
	dmremap create lab $M/lab-main $M/lab-spare --yes >/dev/null
	expect 0 "main device of 'lab' already" dmremap advise $M/lab-main --smart-json smart.json
	expect 0 "main device of 'lab' already" dmremap advise $M/lab --smart-json smart.json
	dmremap close lab
	expect 0 'has a spare already' dmremap advise $M/lab-main --smart-json smart.json
}
