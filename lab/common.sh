# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# lab/common.sh: what the laboratory's scripts share: messages, the cache's
# layout, and the names of kernels. To be sourced, does nothing by itself.
#
# The cache is outside the checkout, so that a clean clone is fast:
#
#   kernels/<release>/boot/vmlinuz-<release>   Debian's kernel image
#   kernels/<release>/lib/modules/<release>/   its modules, without drivers
#                                              that a virtual machine never has
#   kernels/<release>/usr/                     its headers, usable from here
#   kernels/<release>/toolchain                link to the root that builds modules for it
#   kernels/6.1, kernels/6.12, kernels/uml...  links to the newest <release>
#   roots/<suite>-<name>/                      other releases of Debian, see lab/in-root
#   roots/<architecture>/                      Debian 12 of that architecture, see lab/cross
#   zfs/<release>/*.ko                         ZFS modules
#   guest/tools, guest/zfs                     programs for the guests only
#   source/<version>/                          Debian's kernel source
#   checkpatch/                                checkpatch.pl and its word lists
#   apt/                                       private lists of Debian's archive
#   initramfs/, trees/, kvm-works              made by lab/vm when needed

LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
TOP_DIR=$(dirname "$LAB_DIR")
LAB_BUILD=${DM_REMAP_BUILD:-$TOP_DIR/build}
LAB_CACHE=${DM_REMAP_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/dm-remap}
# The kernels that setup fetches and the tests run on.
LAB_SERIES="6.1 6.12"
LAB_NAME=lab/${0##*/}
export PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s: %s\n' "$LAB_NAME" "$*" >&2; }
die() { printf '%s: error: %s\n' "$LAB_NAME" "$*" >&2; exit 1; }

# Full release of a kernel that was named 6.1, 6.12 or by its release.
# Prints nothing and fails when the cache does not have it.
lab_release() {
	local link=$LAB_CACHE/kernels/$1

	if [ -L "$link" ]; then
		basename "$(readlink "$link")"
	elif [ -e "$link/.complete" ]; then
		echo "$1"
	else
		return 1
	fi
}

# lab_arch RELEASE: the architecture of a kernel, as Debian calls it
lab_arch() {
	case $1 in
	*-arm64*) echo arm64 ;;
	*-s390x*) echo s390x ;;
	*) echo amd64 ;;
	esac
}

# lab_triplet ARCH: how gcc calls it
lab_triplet() {
	case $1 in
	arm64) echo aarch64-linux-gnu ;;
	s390x) echo s390x-linux-gnu ;;
	*) echo x86_64-linux-gnu ;;
	esac
}

# lab_programs ARCH: the folder of the programs that are built for it
lab_programs() { echo "$TOP_DIR/build${1:+/$1}" | sed 's,/amd64$,,'; }

# lab_cross_args RELEASE: kbuild's arguments for a kernel of another architecture, in $cross
lab_cross_args() {
	local arch

	arch=$(lab_arch "$1")
	cross=()
	[ "$arch" = amd64 ] || cross=("ARCH=${arch/s390x/s390}" "CROSS_COMPILE=$(lab_triplet "$arch")-")
}

# Run a command under an exclusive lock, one lock file for each purpose.
lab_lock() {
	mkdir -p "$LAB_CACHE/locks"
	exec 9>"$LAB_CACHE/locks/$1"
	if ! flock -n 9; then
		say "waiting for another run that holds the lock \"$1\""
		flock 9
	fi
}

lab_unlock() { exec 9>&-; }

# lab_kbuild RELEASE ARG...: make, with the headers of a kernel in the cache and with
# the compiler it wants. Nothing of an outer make.
lab_kbuild() {
	local root=$LAB_CACHE/kernels/$1 kdir within=() cross

	kdir=$root/lib/modules/$1/build
	[ ! -e "$root/toolchain" ] || within=("$LAB_DIR/in-root" "$root/toolchain")
	lab_cross_args "$1"
	! grep -qsx CONFIG_UML=y "$kdir/.config" || set -- "$@" ARCH=um
	env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u KVER "${within[@]}" \
		make -s -C "$kdir" CONFIG_DEBUG_INFO_BTF_MODULES='' "${cross[@]}" "${@:2}"
}

# lab_tree RELEASE: the guest's /lib/modules/<release>, in $tree: links to the cache,
# our own modules in updates/, and the indexes that depmod makes of both.
lab_tree() {
	local release=$1 root=$LAB_CACHE/kernels/$1 zfs=$LAB_CACHE/zfs/$1
	local key dir tmp kos=() ko

	for ko in "$LAB_BUILD/$release"/*.ko; do
		[ ! -e "$ko" ] || kos+=("$ko")
	done
	key=$({ [ ${#kos[@]} = 0 ] || cat "${kos[@]}"
		stat -c '%n %Y' "$root/.complete" "$zfs/.complete" 2>/dev/null || true
		echo "${kos[*]##*/}"; } | sha256sum | cut -c1-16)
	dir=$LAB_CACHE/trees
	tree=$dir/$release-$key
	[ -e "$tree" ] && { touch "$tree"; return 0; }
	[ "${only_look:-no}" = no ] || return 1
	mkdir -p "$dir"
	# What nobody used for a day is not in use by a running VM either.
	find "$dir" -mindepth 1 -maxdepth 1 -mtime +1 -exec rm -rf {} +
	tmp=$(mktemp -d "$dir/.new.XXXXXX")
	mkdir -p "$tmp/lib/modules/$release/updates"
	ln -s "$root/lib/modules/$release/kernel" "$tmp/lib/modules/$release/kernel"
	ln -s "$root/usr/src/linux-headers-$release" "$tmp/lib/modules/$release/build"
	cp "$root/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} \
		"$tmp/lib/modules/$release/"
	[ ! -e "$zfs/.complete" ] || ln -s "$zfs" "$tmp/lib/modules/$release/extra"
	[ ${#kos[@]} = 0 ] || cp "${kos[@]}" "$tmp/lib/modules/$release/updates/"
	depmod -b "$tmp" "$release"
	chmod 755 "$tmp/lib/modules/$release"
	mv -T "$tmp/lib/modules/$release" "$tree" 2>/dev/null || [ -e "$tree" ] ||
		die "cannot write $tree"
	rm -rf "$tmp"
}

# lab_env RELEASE [NAME=VALUE...]: what the guest's shell reads first
lab_env() {
	local name e

	echo "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	echo "export HOME=/root TERM=dumb LANG=C.UTF-8 DM_DISABLE_UDEV=1"
	while IFS= read -r name; do
		printf 'export %s=%q\n' "$name" "${!name}"
	done < <(compgen -e | grep -E '^(LAB_|DM_REMAP_)')
	printf 'export LAB_KERNEL=%q LAB_TOP=%q\n' "$1" "$TOP_DIR"
	for e in "${@:2}"; do
		[[ $e =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || wrong "-e wants NAME=VALUE, not \"$e\""
		printf 'export %s=%q\n' "${e%%=*}" "${e#*=}"
	done
}

# What no kernel should say.
LAB_COMPLAINTS='Kernel panic|BUG:|Oops|WARNING:|general protection|possible (circular|recursive) locking|possible irq lock inversion|inconsistent lock state|INFO: task .* blocked|INFO: suspicious RCU|UBSAN|KASAN|KCSAN|ODEBUG|kmemleak: .* new suspected|scheduling while atomic|sleeping function called|kernel NULL pointer|list_(add|del) corruption|refcount_t'

# Copies a kernel's log, without the titles of the data races that KCSAN finds in the kernel
# itself. Their other lines stay: another processor may complain between them. A race is the
# module's if one of the two accesses is made by a function of the module, or by one that
# such a function calls. So is a report that the log does not hold to its end. The workqueue
# reads a work item's bits without a mark while queue_work() sets one of them.
lab_own_races() {
	awk '!inside && /BUG: KCSAN/ { inside = 1; own = 0; frame = 9; report = "" }
		!inside { print; next }
		{ report = report $0 "\n"; frame++ }
		/ on cpu [0-9]+:/ { frame = 0 }
		frame <= 2 && /\[dm_remap\]/ { own = 1 }
		/data-race in process_one_work \/ queue_work_on/ { inside = 2 }
		/=====/ {
			if (!own || inside == 2) sub(/BUG: KCSAN[^\n]*/, "", report)
			printf "%s", report
			inside = 0
		}
		END { if (inside) printf "%s", report }'
}

# The first complaint in a kernel's log since the boot. All of the log is read: with
# pipefail, a reader that ends early would make of a complaint none.
lab_complaints() { sed '1,/lab: ready/d' "$1" | lab_own_races | grep -E "$LAB_COMPLAINTS" | awk 'NR == 1'; }
