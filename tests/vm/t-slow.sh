# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The slow disk of the laboratory, alone: is it as unkind as it says?

# one request at a time; a bad one takes its time, a good one after it waits; which
# sectors are bad can change while requests wait, and so can the time they take
t_one_at_a_time() {
	slow main 16 error_ms=300 service_us=1000
	slow_bad main writes +800-803
	slow_log_mark main
	vmio burst /dev/main 1 w:800:8 w:1600:8@50 w:2400:8@50 >out || :
	awk '$1 ~ /:800:/ && ($4 != "EIO" || $3 < 300) { exit 1 }
		$1 !~ /:800:/ && ($4 != "ok" || $3 < 300) { exit 1 }' out || fail "$(cat out)"
	same 1 "$(slow_get main failed)" failed
	# Each begins when the one before it has ended.
	slow_log main >log
	same 3 "$(grep -c ' W ' log)" "writes in the log"
	awk '$2 < last { exit 1 } { last = $3 }' log || fail "$(cat log)"
	slow_set main error_ms=600000 stop=1
	vmio burst /dev/main 1 w:800:8 r:800:8 >out &
	eventually 5 slow_waits main 2
	slow_set main stop=0
	slow_set main error_ms=0
	wait $!
	same "EIO ok" "$(awk '{ print $4 }' out | xargs)" "a write and a read"
	slow_bad main writes -800-803
	vmio write /dev/main 800 8 2
	vmio check /dev/main 800 8 2
}

# what is not flushed can be lost by a flush that fails, and by nothing else; FUA
# reaches the disk only when it has it
t_lost_by_a_flush() {
	local fua
	for fua in 0 1; do
		slow main 16 write_cache=1 fua=$fua
		vmio fill /dev/main 0 1024 1
		vmio flush /dev/main
		slow_log_mark main
		# The kernel flushes after such a write, with FUA or without.
		vmio write /dev/main 0 8 2
		vmio syncwrite /dev/main 12 1 3
		same $fua "$(slow_log main | awk '$4 == "W" && $7 ~ /F/' | wc -l)" "writes with FUA"
		vmio write /dev/main 0 8 4
		vmio write /dev/main 13 1 3
		slow_set main fail_flushes=1
		io_error vmio flush /dev/main
		vmio flush /dev/main
		vmio check /dev/main 0 8 2
		vmio check /dev/main 12 1 3
		vmio check /dev/main 13 1011 1
		vmio write /dev/main 0 8 4
		slow_set main lose=1
		vmio check /dev/main 0 8 2
		same 0 "$(slow_get main fail_flushes)" fail_flushes
		rmdir /sys/kernel/config/slow-disk/main
	done
}

# requests that wait are merged when it is asked to, and fail together
t_merged() {
	local ops=() i merge
	slow main 16
	echo 2 >/sys/block/main/queue/nomerges
	slow_bad main reads +1000-1000
	for ((i = 0; i < 16; i++)); do
		ops+=("r:$((960 + i * 8)):8")
	done
	for merge in 0 1; do
		slow_set main merge=$merge stop=1
		vmio burst /dev/main 0 "${ops[@]}" >out &
		eventually 10 slow_waits main 16
		slow_set main stop=0
		wait $!
		same $((merge ? 16 : 1)) "$(grep -c EIO out)" "failed reads, merge $merge"
	done
}

# a reset fails all that waits, once, after the time that an error takes; readahead
# is refused when it is told to; each error has its name; one that is gone fails
t_reset_and_refusal() {
	slow main 16 stop=1 error_ms=200
	slow_log_mark main
	vmio burst /dev/main 1 w:0:8 w:80:8 r:160:8 >out &
	eventually 5 slow_waits main 3
	slow_set main reset=1 stop=0
	wait $!
	same 3 "$(grep -c EIO out)" "of a link that was reset"
	# Together.
	slow_log main | awk '$3 - $2 < 200000 || ($2 != begun && NR > 1) { exit 1 }
		{ begun = $2 }' || fail "$(slow_log main)"
	vmio write /dev/main 0 8 1
	slow_set main error=medium
	slow_bad main reads +80-80
	fails "No data available" vmio read /dev/main 80 8
	slow_set main readahead=0 readahead=1 error_ms=600000 stop=1
	vmio burst /dev/main 1 w:0:8 r:80:8 >out &
	eventually 5 slow_waits main 2
	slow_set main power=0
	wait $!
	same 2 "$(grep -c EIO out)" "of a disk that is gone"
}
