# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# tests/vm/dying.sh: what is measured over a disk that takes E to fail, for
# tests/vm/t-dying.sh and bench/slow. To be sourced after lib.sh.
# shellcheck disable=SC2094 # "burst" is a word, too
#
# Times are in units of E: what dm-linear needs for one I/O that fails is 1.

# dying HOW E_MS: $R, over the slow disk "main" that takes so long to fail. HOW is
# "linear" or "remap". Blocks 4000 to 4099 are remapped already and blocks 5000 to
# 5099 known bad, over dm-linear just bad.
dying() {
	E=$2
	[ -e /dev/mapper/remap ] && dmsetup remove remap
	[ ! -d /sys/kernel/config/slow-disk/main ] || rmdir /sys/kernel/config/slow-disk/main
	slow main 64
	if [ "$1" = linear ]; then
		dmsetup create remap --table "0 131072 linear /dev/main 0"
		slow_bad main both +32000-32799 +40000-40799
	else
		[ -e /dev/spare ] || disk spare 16
		dd if=/dev/zero of=/dev/spare bs=1M count=16 oflag=direct status=none
		# The breaker is not what is measured.
		remap /dev/main /dev/spare 0 breaker 0 0 ${BUDGET:+budget "$BUDGET"}
		slow_bad main both +32000-32799 +40000-40799
		vmio write "$R" 32000 800 1
		vmio burst "$R" 1 r:40000:800 >/dev/null
	fi
	slow_set main error_ms="$E" service_us=500
}

# units FILE: the lines of vmio burst in FILE, with "begun" and "took" in units of E
units() { awk -v e="$E" '{ printf "%s %.2f %.2f %s\n", $1, $2 / e, ($3 - $2) / e, $4 }' "$1"; }

# alone OP: a burst of one operation: "TIME RESULT"
alone() {
	vmio burst "$R" 2 "$1" >burst
	units burst | awk '{ print $3, $4 }'
}

# What follows prints "TIME RESULT", or, with more than one operation, the longest time.

write_to_bad() {
	slow_bad main both +80000-80007
	alone w:80000:8
}

write_to_16_bad() {
	slow_bad main both +80000-80127
	alone w:80000:128
}

write_with_1_bad() {
	slow_bad main both +80256-80263
	alone w:80000:512
}

read_of_bad() {
	slow_bad main both +80000-80007
	alone r:80000:8
}

# beside FIRST: writes, each to a block of its own from that sector, that begin while
# 64 KiB are written to bad blocks
beside() {
	local i ops=()

	slow_bad main both +80000-80127
	for i in 0 1 2 3 4 5 6 7; do
		ops+=("w:$(($1 + i * 80)):8@$((E / 5 + i * E * 2 / 5))")
	done
	vmio burst "$R" 2 w:80000:128 "${ops[@]}" >burst
	units burst | tail -n +2 | sort -g -k 3 | awk '
		$4 != "ok" { bad = $4 }
		{ longest = $3 }
		END { print longest, bad ? bad : "ok" }'
}

healthy_beside() { beside 100000; }
known_bad_beside() { beside 40000; }
remapped_beside() { beside 32000; }

# 8 writers, 8 bad blocks: when the first and the last one end, how many end within half
# of E of each other, and the result
eight_writers() {
	local i ops=()
	for i in 0 1 2 3 4 5 6 7; do
		slow_bad main both "+$((80000 + i * 800))-$((80007 + i * 800))"
		ops+=("w:$((80000 + i * 800)):8")
	done
	vmio burst "$R" 2 "${ops[@]}" >burst
	units burst | sort -g -k 3 | awk '
		$4 != "ok" { bad = $4 }
		{ end[NR] = $2 + $3 }
		END {
			for (i = 1; i <= NR; i++) {
				for (n = 0; i + n <= NR && end[i + n] - end[i] <= 0.5; n++)
					;
				most = n > most ? n : most
			}
			print end[1], end[NR], most, bad ? bad : "ok"
		}'
}
