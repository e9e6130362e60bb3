# shellcheck shell=bash disable=SC2154,SC2086,SC2119
# SPDX-License-Identifier: GPL-2.0
#
# status, list, find, map, watch, export, monitor.

t_status() {
	expect 0 'no dm-remap device' dmremap status
	refused 3 'no open device' dmremap status nonesuch
	refused 3 'no option' dmremap status --nonesuch
	pair
	expect 0 'lab: FINE' dmremap status
	expect 0 'quiet' dmremap status lab --sample 1
	# Known bad: attention.
	dmremap lab hurt --at 800+8 --kind read,write >/dev/null
	dd if=$M/lab of=/dev/null bs=4k skip=100 count=1 iflag=direct status=none 2>/dev/null || true
	expect 1 '1 block is known bad' dmremap status lab
	random $M/lab 2
	expect 0 'yes: the main device failed 1 block' dmremap status
	[ "$(dmremap status --json | jq -r '.[0].remappings')" = 1 ]
	[ "$(dmremap status --json | jq -r '.[0].health')" = fine ]
	dmremap status --csv | awk -F, 'NR == 1 { n = NF } NF != n || n < 30 { exit 1 }'
	dmremap status --prometheus >metrics
	grep -qx 'dmremap_health{name="lab"} 0' metrics
	grep -qx 'dmremap_remappings{name="lab"} 1' metrics
	grep -vqE '^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+\{([a-z]+="[^"]*",?)+\} [0-9]+)$' metrics && return 1
	dmremap status --prometheus --output out.prom
	grep -q dmremap_slots_free out.prom
	refused 3 'cannot create' dmremap status --json --output /nonesuch/file
	# Read-only to its users, since that was asked for.
	dmremap close lab
	dmremap open lab $M/lab-spare --read-only >/dev/null
	expect 0 'read-only, as was asked' dmremap status
	[ "$(blockdev --getro $M/lab)" = 1 ]
	dmremap close lab
	# A target that was told not to write to the spare, under a device that can be written to
	dmsetup create lab --table "0 131072 dm-remap $M/lab-main $M/lab-spare 0 1 read_only"
	expect 1 'mode ro, as was asked' dmremap status
	[ "$(dmremap status --json | jq -r '.[0].health')" = attention ]
}

t_status_full() {
	lab
	dmremap create lab $M/lab-main $M/lab-spare --yes --size 256K --breaker 0,0 >/dev/null
	dmremap evacuate lab 0+440 >/dev/null
	expect 1 'filling up' dmremap status
	expect 3 'the spare is full' dmremap evacuate lab 448+8000
	# Nothing is counted that the kernel did not tell.
	[ ! -s /run/expect.out ]
	expect 2 'the spare is full' dmremap status
}

t_list_and_find() {
	pair
	refused 1 'name a device' dmremap list
	expect 0 '' dmremap list lab
	[ "$(dmremap list --names)" = lab ]
	dmremap evacuate lab 800+80 >/dev/null
	[ "$(dmremap list lab --json | jq length)" = 10 ]
	[ "$(dmremap list lab 816+16 --json | jq -c '[.[].sector]')" = '[816,824]' ]
	[ "$(dmremap list lab --known-bad --json | jq length)" = 0 ]
	expect 0 'remapped, slot' dmremap find lab 805
	expect 0 'healthy' dmremap find lab 799
	refused 2 'beyond the end' dmremap find lab 131072
	refused 1 'not the number' dmremap find lab 12x
	refused 1 'no option -5' dmremap find lab -5
	refused 1 'not a range' dmremap list lab 5-2
	refused 2 'beyond the end' dmremap list lab 131000+100
	refused 1 'give a device' dmremap find lab
}

# the cells of the map, without what is beside them
grid() { dmremap map lab | grep -E '^ +[0-9.]+ [KMGT]?i?B ' | cut -c13-; }

# 0, 10 and 20 000 bad blocks; 100 000 are in face, which needs no kernel.
t_many_blocks() {
	dmremap lab create lab --ram --size 1G --spare-size 600M --bad 0 >/dev/null
	dmremap create lab $M/lab-main $M/lab-spare --yes --breaker 0,0 >/dev/null
	expect 0 '0 blocks on the spare' dmremap map lab
	grid | grep -q '[1-4a-dL]' && return 1
	dmremap evacuate lab 1000000+80 >/dev/null
	grid | grep -q '[1-4]'
	seq 0 20 400000 >sectors
	expect 0 '' dmremap import lab sectors --format sectors --mark
	[ "$(value known_bad)" -gt 19990 ]
	[ "$(dmremap list lab | tail -n +2 | wc -l)" = "$(($(value known_bad) + $(value remappings)))" ]
	expect 0 'abcd known bad' dmremap map lab
	grid | grep -q '[a-d]'
	dmremap map lab --svg m.svg --png m.png
	file m.png | grep -q 'PNG image data, 1[0-9]* x'
	file m.svg | grep -q SVG
	refused 2 'cannot create' dmremap map lab --png /nonesuch/m.png
	dmremap export lab --output list
	[ "$(awk -F- '{ n += $2 - $1 + 1 } END { print n / 8 }' list)" = "$(($(value known_bad) + $(value remappings)))" ]
	expect 1 'ATTENTION' dmremap status
	cp m.png "${LAB_SHARE:-/run}/map-20000.png" 2>/dev/null || true
}

t_watch() {
	pair
	dmremap evacuate lab 800+80 >/dev/null
	refused 1 'needs a terminal' dmremap watch lab
	(
		until grep -aqs 'q: quit' out; do read -rt 0.2 _ <><(:) || true; done
		printf q
	) | TERM=xterm-256color script -qefc "stty rows 40 cols 100; $D watch lab --interval 1" out >/dev/null
	grep -aq 'on the spare 10' out
	grep -aq 'new bad blocks: ' out
}

# Mail goes through sendmail, the hook gets arguments: no shell reads any of it.
t_monitor_mail() {
	pair
	dmremap lab hurt --at 800+8 --kind read,write >/dev/null
	dd if=$M/lab of=/dev/null bs=4k skip=100 count=1 iflag=direct status=none 2>/dev/null || true
	cat >/usr/sbin/sendmail <<'SH'
#!/bin/sh
{ printf 'called with %s\n' "$*"; cat; } >>/run/test/mail
SH
	cat >'/run/test/a hook; touch pwned' <<'SH'
#!/bin/sh
printf '%s arguments: %s|%s|%s\n' $# "$1" "$2" "$3" >/run/test/hooked
SH
	chmod +x /usr/sbin/sendmail '/run/test/a hook; touch pwned'
	refused 1 'no address' dmremap monitor --once --mail "root
Bcc: everybody"
	expect 0 'Attention lab: 1 block is known bad' dmremap monitor --once --mail 'root@example.org' --hook '/run/test/a hook; touch pwned'
	grep -qx 'called with -t -i' mail
	grep -qx 'To: root@example.org' mail
	grep -q '^Subject: dm-remap: Attention on .*lab' mail
	grep -q "lab: 1 block is known bad: .*'dmremap whose lab --all'" mail
	# A header, one empty line, a body.
	[ "$(awk '/^$/ { print NR; exit }' mail)" = 4 ]
	grep -q '^3 arguments: Attention|lab|1 block is known bad' hooked
	[ ! -e pwned ]
	# What cannot be run is told at once, not at the moment of need.
	rm /usr/sbin/sendmail
	refused 2 'cannot run /usr/sbin/sendmail' dmremap monitor --once --mail root
}

# start_monitor OPTION...: $monitor is its process; begun when it has looked at lab
start_monitor() {
	exec 5< <(exec "$D" monitor --test "$@" 2>&1)
	monitor=$!
	until_told 'Test lab: \|Attention lab: \|Critical lab: '
}
# until_told PATTERN: reads on until a line begins with it; all lines are in told
until_told() {
	local line
	while read -r -t 60 line <&5; do
		echo "$line" >>told
		! grep -q "^\($1\)" <<<"$line" || return 0
	done
	return 1
}
end_monitor() {
	kill -TERM $monitor
	cat <&5 >>told
	exec 5<&-
	ended 0 $monitor
}
read_block() { dd if=$M/lab of=/dev/null bs=4k skip=$1 count=1 iflag=direct status=none 2>/dev/null || true; }

# One burst is one mail; a hook that hangs is ended; what should be open and is not; reminders.
t_monitor_burst() {
	local at
	pair
	cat >/usr/sbin/sendmail <<'SH'
#!/bin/sh
cat >>/run/test/mail; echo ==== >>/run/test/mail
SH
	cat >hook <<'SH'
#!/bin/sh
echo "$1" >>/run/test/hooked
sleep 1000
SH
	chmod +x /usr/sbin/sendmail hook
	dmremap lab hurt --at 800+80 --kind read,write >/dev/null
	# What comes within an hour is one burst.
	start_monitor --interval 3600 --mail root --collect 3600
	for at in 100 101 102; do
		read_block $at
		until_told "KnownBad lab: $((at - 99)) "
	done
	[ ! -e mail ]
	end_monitor
	# At the end it goes at once: one mail with all of it.
	[ "$(grep -c ==== mail)" = 1 ]
	[ "$(grep -c '^To:' mail)" = 1 ]
	for at in 1 2 3; do grep -q "^KnownBad lab: $at blocks" mail; done
	grep -q '^Attention lab: ' mail
	grep -q '^Subject: dm-remap: Test on .* (lab) and [1-9][0-9]* more$' mail
	# When nothing comes any more, it goes by itself.
	rm mail told
	start_monitor --interval 3600 --mail root --collect 1
	until [ -e mail ] && grep -q ==== mail; do kill -0 $monitor; done
	end_monitor
	[ "$(grep -c ==== mail)" = 1 ]
	# What is not fine is told again.
	rm told
	start_monitor --interval 1 --remind 2s
	until_told 'Reminder lab: still: 3 blocks are known bad'
	until_told 'Reminder lab: still: 3 blocks are known bad'
	end_monitor
	[ "$(grep -c '^Attention lab' told)" = 1 ]
	refused 1 'not a time' dmremap monitor --once --remind 2x
	expect 0 'was killed after 1 s' dmremap monitor --once --hook "$T/hook" --hook-timeout 1
	[ "$(cat hooked)" = Attention ]
	not pgrep -f 'sleep 1000'
	refused 1 'hook-timeout' dmremap monitor --hook-timeout 0 --once
	refused 1 'collect' dmremap monitor --collect 0 --once
	expect 0 'Missing tank: the device is not open' dmremap monitor --once lab tank
	dmremap close lab
	expect 0 'NotOpen .*dmremap assemble' dmremap monitor --once
	expect 0 'Missing lab' dmremap monitor --once lab
}

# The journal gets fields, systemd is told when the first look is done; without a journal, syslog.
t_monitor_systemd() {
	pair
	python3 - "$D" <<'PY'
import os, socket, subprocess, sys
def hear(path, kind=socket.SOCK_DGRAM):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(path)
    s.settimeout(60)
    return s
run = [sys.argv[1], "monitor", "lab", "tank", "--once", "--test", "--syslog"]
systemd = hear("/run/test/notify")
log = hear("/dev/log")
subprocess.run(run, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ, NOTIFY_SOCKET="/run/test/notify"))
heard = [log.recv(9999).decode() for _ in range(2)]
assert heard[0].startswith("<28>") and " Test lab: " in heard[0] and " Missing tank: " in heard[1], heard
heard = systemd.recv(9999).decode().split("\n")
assert heard == ["READY=1", "STATUS=2 devices, 1 not fine"], heard
journal = hear("/run/systemd/journal/socket")
# What systemd writes to the journal itself is not there twice.
out = open("out", "w")
at = os.fstat(out.fileno())
subprocess.run(run, check=True, stdout=out, env=dict(os.environ, JOURNAL_STREAM=f"{at.st_dev}:{at.st_ino}"))
assert os.path.getsize("out") == 0
heard = [dict(l.split("=", 1) for l in journal.recv(9999).decode().splitlines()) for _ in range(2)]
got = {(h["DMREMAP_EVENT"], h["DMREMAP_DEVICE"], h["SYSLOG_IDENTIFIER"], h["PRIORITY"]) for h in heard}
assert got == {("Test", "lab", "dmremap", "4"), ("Missing", "tank", "dmremap", "4")}, heard
assert heard[0]["MESSAGE"].startswith(heard[0]["DMREMAP_EVENT"] + " " + heard[0]["DMREMAP_DEVICE"] + ": ")
PY
	rm -r /run/systemd/journal /dev/log
}

# A device that should be open and is closed under the monitor's eyes, and comes back.
t_monitor_missing() {
	pair
	start_monitor --interval 3600 lab
	dmremap close lab
	until_told 'Missing lab: the device is not open'
	dmremap open lab $M/lab-spare >/dev/null
	until_told 'Back lab: '
	end_monitor
	[ "$(wc -l <told)" = 3 ]
}

# A disk that does not answer delays the search for closed pairs, and nothing else.
t_monitor_waits_for_nobody() {
	pair
	dmremap lab create new --ram --size 16M --bad 0 >/dev/null
	slow_disk other 16
	dmremap create two $M/new-main /dev/other --yes --label two >/dev/null
	dmremap close two
	dmremap lab hurt --at 800+16 --kind read,write >/dev/null
	slow_set other stop=1
	start_monitor --interval 3600
	slow_has other 1 $monitor
	read_block 100
	until_told 'KnownBad lab: 1 '
	# It ends, too, and once more without waiting.
	end_monitor
	expect 0 'a disk does not answer' timeout 60 "$D" monitor --once
	rm told
	start_monitor --interval 3600
	read_block 101
	until_told 'KnownBad lab: 2 '
	[ "$(grep -c NotOpen told)" = 0 ]
	slow_set other stop=0
	until_told 'NotOpen two: '
	end_monitor
	[ "$(grep -c NotOpen told)" = 1 ]
}

# Any number of devices.
t_monitor_many() {
	local i
	lab
	for i in $(seq 40); do
		dmsetup create m$i --uuid DMREMAP-TEST-m$i --table "0 2048 linear $M/lab-main $((i * 2048))"
		dmsetup create s$i --uuid DMREMAP-TEST-s$i --table "0 512 linear $M/lab-spare $((i * 512))"
		dmsetup create d$i --uuid DMREMAP-$i --table "0 2048 dm-remap $M/m$i $M/s$i 0"
	done
	exec 5< <(exec "$D" monitor --test --interval 3600 2>&1)
	monitor=$!
	until_told 'Test d40: '
	[ "$(grep -c '^Test ' told)" -ge 1 ]
	dmsetup remove d17
	until_told 'Closed d17: '
	end_monitor
	[ "$(grep -c '^Test d' told)" = 40 ]
	[ "$(grep -c '^Closed' told)" = 1 ]
}

t_monitor() {
	pair
	mkfifo events
	exec 6<>events
	cat >hook <<'SH'
#!/bin/sh
printf '%s|%s|%s\n' "$1" "$2" "$3" >/run/test/events
SH
	chmod +x hook
	# until_hooked PATTERN: the hook was called so
	until_hooked() {
		local line
		while read -r line <&6; do
			# shellcheck disable=SC2053 # a pattern
			[[ $line != $1 ]] || return 0
		done
	}
	refused 1 'full path' dmremap monitor --hook hook
	expect 0 'Test lab' dmremap monitor --once --test --hook "$T/hook"
	until_hooked 'Test|lab|*'
	start_monitor --interval 3600 --hook "$T/hook"
	dmremap lab hurt --at 800+80 --kind read,write >/dev/null
	read_block 100
	until_hooked 'KnownBad|lab|1 blocks*'
	until_hooked 'Attention|lab|*'
	random $M/lab 2
	until_hooked 'NewRemaps|lab|10 blocks*'
	dmremap close lab
	until_hooked 'Closed|lab|*'
	end_monitor
	exec 6>&-
}

# A block of which a retry saved some sectors is not fine: the rest is known bad.
t_in_part() {
	pair
	random $M/lab
	dmremap lab hurt --at 16001+2 --kind read,write >/dev/null
	expect 6 unreadable dmremap scrub lab
	[ "$(value partial)" = 1 ]
	[ "$(value known_bad)" = 0 ]
	expect 1 'all but 1 block that may be unreadable' dmremap status
	expect 0 '16000 .*remapped in part: 6 of 8 sectors, 2 known bad$' dmremap list lab --known-bad
	[ "$(dmremap list lab --json | jq -c '.[0].known_bad')" = 6 ]
	[ "$(dmremap export lab --unreadable)" = 16001-16002 ]
	expect 0 'this sector is on the spare' dmremap find lab 16003
	expect 0 'this sector is known bad' dmremap find lab 16002
	expect 6 '0 blocks moved to the spare, 0 were there already, 1 could not be read' dmremap evacuate lab --partial
	dmremap lab heal >/dev/null
	expect 0 '1 blocks moved to the spare' dmremap evacuate lab --partial
	[ "$(value partial)" = 0 ]
	expect 0 'FINE' dmremap status
	dd if="$(img main)" bs=512 skip=16000 count=8 status=none | cmp - <(dd if=$M/lab bs=512 skip=16000 count=8 iflag=direct status=none)
}

# Names that nobody should give: a link to a disk, and a file system's label. (A device of
# device-mapper cannot be called so: libdevmapper does not even list it.)
t_hostile_names() {
	local evil=$'d\e[31m\a\x9by' c said=0
	lab
	ln -s lab-main "$M/$evil"
	dmremap lab create new --ram --size 16M --bad 0 --spare-size 1M >/dev/null
	mkfs.ext4 -q -F -L $'l\e[5m\a' $M/new-main
	clean() {
		"$D" "$@" >out 2>err </dev/null || true
		[ ! -s out ] && [ ! -s err ] || said=$((said + 1))
		! LC_ALL=C grep -q '[[:cntrl:]]' out err || { cat -v out err; return 1; }
	}
	clean create lab "$M/$evil" $M/lab-spare --dry-run
	dmremap create lab "$M/$evil" $M/lab-spare --yes >/dev/null
	dmremap evacuate lab 800+80 >/dev/null
	for c in status list scan map 'find lab 800' 'find lab 0' 'whose lab --all' 'export lab' 'scrub lab 0+8' 'evacuate lab 0+8' \
		 'release lab --all' 'retest lab --all' 'grow lab --dry-run' "replace lab $M/new-main" "replace lab $M/new-main --yes" \
		 "replace lab $M/new-main --dry-run" 'detach lab --dry-run' "detach lab --to $M/new-main --yes" 'detach lab' "advise $M/lab-main" \
		 "inspect $M/lab-spare" "check $M/lab-spare" 'monitor --once --test' 'close lab --dry-run' 'breaker lab' 'accept lab' \
		 'status --nagios' 'status --prometheus' 'breaker lab close' 'list lab'; do
		[ "$c" != list ] && [ "$c" != map ] || c+=" lab"
		# shellcheck disable=SC2086
		clean $c
	done
	for c in advise inspect check dump probe; do clean $c "$M/$evil"; done
	script -qec "$D replace lab $M/new-main" screen <<<no >/dev/null || true
	grep -aq "labelled 'l\\\\033\[5m\\\\007'" screen
	LC_ALL=C not grep -aq $'\e\|\a' screen
	dmremap close lab
	clean assemble --dry-run
	clean open lab "$M/$evil" $M/new-main
	clean assemble nobody "$evil"
	clean assemble
	rm "$M/$evil"
	echo "$said said something"
	[ $said -ge 35 ]
}

# All that is printed with --json keeps to the schema: those that need a kernel.
t_json() {
	local n=100
	mkdir documents
	# Kept for the end: python starts once, since it takes seconds in an emulated machine.
	valid() { # STATUS COMMAND...
		local s=0
		dmremap "${@:2}" --json >out || s=$?
		[ $s = "$1" ] || { echo "status $s: ${*:2}"; return 1; }
		n=$((n + 1))
		cp out documents/$n."$2"
	}
	lab
	valid 0 create lab $M/lab-main $M/lab-spare --yes --label lab
	[ "$(jq -r '.device, .main, .spare_length' out | xargs)" = "lab $M/lab-main 32768" ]
	dmremap close lab
	valid 0 open lab $M/lab-spare
	[ "$(jq -r .uuid out)" = "$(dmremap status --json | jq -r '.[0].uuid')" ]
	mkfs.ext4 -q -b 4096 $M/lab 2>/dev/null
	mkdir -p mnt
	mount $M/lab mnt
	random $'mnt/a\xff' 1
	sync
	dmremap lab hurt --at 90000+8 --kind read,write >/dev/null
	valid 0 map lab
	valid 0 export lab
	dmremap monitor --once --test --json lab tank >out
	[ "$(wc -l <out)" = 2 ]
	head -n 1 out >documents/1.monitor
	tail -n 1 out >documents/2.monitor
	valid 6 scrub lab
	valid 6 evacuate lab 90000+16
	valid 6 retest lab --all
	echo 90032+8 >bad
	valid 0 import lab bad --format sectors
	valid 0 release lab 90008
	valid 0 breaker lab
	valid 0 breaker lab close
	valid 0 restore --list
	jq -e 'length == 1' out
	valid 0 list lab
	valid 1 status
	valid 0 scan
	valid 0 find lab 90000
	valid 0 find lab 0
	s=$(filefrag -e -b512 mnt/a* | awk '$1 == "0:" { print $4 + 0 }')
	dmremap evacuate lab $s+8 >/dev/null
	valid 0 find --file mnt/a*
	[ "$(jq -r .path_bytes out)" = 6d6e742f61ff ]
	valid 0 whose lab --remapped
	[ "$(jq -r '.[0].path_bytes' out)" = "$(printf '%s' mnt/a* | sed "s,^,$T/," | xxd -p | tr -d '\n')" ]
	umount mnt
	dmremap close lab
	valid 0 inspect $M/lab-spare
	valid 0 check $M/lab-spare
	valid 0 repair $M/lab-spare
	valid 0 scan
	valid 2 assemble lab nobody
	[ "$(jq -c '[.[].result]' out)" = '["opened","not-found"]' ]
	jq -e '.[1].why | test("nobody")' out
	valid 0 assemble
	[ "$(jq -c '[.[].result]' out)" = '["was-open"]' ]
	dmremap lab create new --ram --size 70M --bad 0 --spare-size 16M >/dev/null
	valid 0 replace lab $M/new-spare --size 4M --yes
	valid 0 grow lab --size 8M --yes
	[ "$(jq .spare_length out)" = 16384 ]
	valid 6 release lab --all
	valid 0 detach lab --to $M/new-main --yes --allow-unreadable
	jq -e '.closed and .missing_sectors == 8 and .spare_kept == false' out
	[ -s "$(jq -r .map out)" ]
	[ -s "$(jq -r .owners out)" ]
	dmremap create lab $M/new-main $M/lab-spare --yes --force --label lab >/dev/null
	valid 0 detach lab --yes
	[ "$(find documents -type f | wc -l)" -gt 30 ]
	python3 "$here/schema.py" --files documents/*
}

# --debug shows what is sent to the kernel; a refusal says what the module logged.
t_why_and_what() {
	pair
	dmremap list lab --debug >/dev/null 2>err
	grep -qx "# dmsetup message 'lab' 0 list 0 20000" err
	[ "$(wc -l <err)" = 1 ]
	dmremap close lab
	dmremap open lab $M/lab-spare --debug >/dev/null 2>err
	grep -qx "# dmsetup create 'lab'.*" err
	grep -q "^#   table line: 0 131072 dm-remap $M/lab-main $M/lab-spare 0" err
	dmremap close lab
	# Two reasons are logged; "see the line before" is none.
	dmsetup create smaller --uuid DMREMAP-TEST-smaller --table "0 122880 linear $M/lab-main 0"
	refused 2 'it has 122880 sectors, recorded are 131072' dmremap open lab $M/smaller $M/lab-spare --any-main
	grep 'line before\|dm-remap: ' /run/expect.err && return 1
	return 0
}
