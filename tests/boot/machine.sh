# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# tests/boot/machine.sh: a machine in QEMU that boots a system of tests/boot/image, and
# what can be done with it from outside. Sourced by tests/boot/boot; $dir is the case's.

# shellcheck disable=SC2154 # $img, $dir and $system are of tests/boot/boot

#-----------------------------------------------------------------------
# Disks: overlays of what is in the cache

overlay() { qemu-img create -q -f qcow2 -F raw -b "$2" "$dir/$1.qcow2"; }
# All disks as they were made
fresh() {
	local f

	rm -f "$dir"/*.qcow2
	for f in "$img"/*.img; do
		f=${f##*/}
		overlay "${f%.img}" "$img/$f"
	done
	overlay clone "$img/main.img"
}
# Disk NAME: "NAME[,SERIAL]"; a folder's file bad-NAME lists what it fails, for blkdebug
node() {
	local top=node-name=$1

	if [ -e "$dir/bad-$1" ]; then
		args+=(-blockdev "driver=qcow2,node-name=$1-good,file.driver=file,file.filename=$dir/$1.qcow2,file.locking=off")
		args+=(-blockdev "driver=blkdebug,$top,image=$1-good,config=$dir/bad-$1")
	else
		args+=(-blockdev "driver=qcow2,$top,file.driver=file,file.filename=$dir/$1.qcow2,file.locking=off")
	fi
}
serial() {
	case $1 in
	main | clone) echo ROOTMAIN ;;
	spare) echo ROOTSPARE ;;
	half) echo ROOTHALF ;;
	dataspare) echo DATASPARE ;;
	*) echo "D-${1^^}" ;;
	esac
}

#-----------------------------------------------------------------------
# The machine

qemu='' reader=''
spared='module_blacklist=kvm,kvm_intel,drm,psmouse,iTCO_wdt,i2c_i801,lpc_ich,pcspkr,efi_pstore'
for u in modprobe@{drm,efi_pstore,fuse}.service systemd-{pstore,random-seed,update-utmp}.service; do
	spared+=" systemd.mask=$u"
done
# start APPEND DISK...: it begins to boot with these disks
start() {
	local append=$1 d n=0 args=()

	shift
	log=$dir/log
	: >"$log"
	rm -f "$dir"/{qmp,con}.{in,out}
	mkfifo "$dir"/{qmp,con}.{in,out}
	exec 5<>"$dir/qmp.in" 6<>"$dir/qmp.out" 7<>"$dir/con.in" 8<>"$dir/con.out"
	cat <&8 >/dev/null &
	reader=$!
	# Ports into which a disk can be plugged while the machine runs
	for d in main spare clone dataspare; do
		n=$((n + 1))
		args+=(-device "pcie-root-port,id=p-$d,slot=$n,chassis=$n")
	done
	for d in "$dir"/*.qcow2; do
		d=${d##*/}
		node "${d%.qcow2}"
	done
	for d; do
		args+=(-device "virtio-blk-pci,drive=$d,serial=$(serial "$d"),id=d-$d$(port "$d"),werror=report,rerror=report")
	done
	# On a busy machine the kernel finds a wrong frequency for the TSC, and its time is
	# another one: so HPET. A processor without "rep stosb" and "rep movsb", which take long to emulate; and
	# no modules for hardware that the tests do not need.
	setpriv --pdeathsig KILL qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu Westmere -smp 1 -m 1024 \
		-nodefaults -no-user-config -display none -no-reboot -nic none \
		-chardev "pipe,id=con,path=$dir/con,logfile=$log" -serial chardev:con \
		-chardev "pipe,id=qmp,path=$dir/qmp" -mon chardev=qmp,mode=control \
		-kernel "${kernel:-$img/vmlinuz}" -initrd "${initrd:-$img/initrd}" \
		-append "console=ttyS0 root=$(rootdev) ro mitigations=off no_timer_check nowatchdog tsc=unstable clocksource=hpet apparmor=0 audit=0 systemd.show_status=0 systemd.log_color=0 $spared $append" \
		"${args[@]}" </dev/null >"$dir/qemu.log" 2>&1 &
	qemu=$!
	echo '{"execute":"qmp_capabilities"}' >&5
}
port() { case $1 in main | spare | clone | dataspare) echo ",bus=p-$1" ;; esac }
rootdev() { case $system in *-stack) echo /dev/mapper/vgstack-root ;; *) echo UUID=11111111-2222-3333-4444-555555555555 ;; esac }
# stop: as if the power went
stop() {
	[ -n "$qemu" ] || return 0
	kill -9 "$qemu" "$reader" 2>/dev/null
	wait "$qemu" "$reader" 2>/dev/null || true
	qemu=
	exec 5>&- 6>&- 7>&- 8>&-
}
# plug DISK: it is connected
plug() {
	echo "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-blk-pci\",\"drive\":\"$1\",\"serial\":\"$(serial "$1")\",\"id\":\"d-$1\",\"bus\":\"p-$1\",\"werror\":\"report\",\"rerror\":\"report\"}}" >&5
}

#-----------------------------------------------------------------------
# The console

# says TEXT [SECONDS]: the console says it, or has said it. A prompt ends no line, so
# all of the log is looked at each time.
says() {
	local end=$((SECONDS + ${2:-1800}))

	until grep -qaE -e "$1" "$log"; do
		if [ $SECONDS -ge $end ] || ! kill -0 "$qemu" 2>/dev/null; then
			echo "not on the console: $1"
			tail -n 60 "$log"
			cat "$dir/qemu.log"
			return 1
		fi
		sleep 0.5
	done
}
says_not() { ! grep -aE -e "$1" "$log"; }
# types COMMAND: to the shell on the console; waits until it is done
nr=0
types() {
	nr=$((nr + 1))
	printf '%s; echo did-"%s"-"%s"\r' "$1" "$nr" "$$" >&7
	says "did-$nr-$$"
}
