#!/bin/bash
# Tries the README's commands on a Debian that has nothing but python3, python3-venv, python3-dev and gcc.
#
# usage: tools/fresh-machine.sh [root|user]...      both where none is given; to be run as root
#
# Each command gets a new system and a copy of the working tree, so each has to do all of its own set-up.
# FRESH_COMMANDS, one command a line, replaces the README's; FRESH_RELEASE=trixie is Debian 13 instead of 12.
# Exit status 1 if any command fails.
#
# The system is a tmpfs in private namespaces that end with this script, however it ends: nothing is left behind
# but the unpacked packages, kept as a tar file in the cache directory (DIRMETA_CACHE, else the user's).
# Packages come from where this machine's apt and pip get theirs.
set -euo pipefail

readonly release=${FRESH_RELEASE:-bookworm}
readonly packages=python3,python3-venv,python3-dev,gcc
# A chroot cannot make user namespaces, so the system is entered by pivot_root. Every FHS system has this directory.
readonly system=/mnt

die() {
    echo "fresh-machine: $*" >&2
    exit 3
}

# --- outside: on this machine ------------------------------------------------------------------------------------

main() {
    cd "$(dirname "$0")/.."
    [[ $EUID -eq 0 ]] || die "building a system takes root; run it with sudo"
    [[ $PWD/ != "$system"/* ]] || die "the checkout is below $system, which is needed; move it"
    command -v debootstrap >/dev/null || die "debootstrap is missing; apt-get install debootstrap"
    local commands who command worst=0
    [[ $# -gt 0 ]] || set -- root user
    for who in "$@"; do
        [[ $who == root || $who == user ]] || die "it is tried as root or as user, not as ${who@Q}"
    done
    commands=$(the_commands)
    export FRESH_TAR
    FRESH_TAR=$(cache)/fresh-$release-$(dpkg --print-architecture)-$(cksum <<<"$packages" | tr -d ' ').tar
    [[ -e $FRESH_TAR ]] || privately bootstrap
    for who in "$@"; do
        while IFS= read -r command; do
            try "$who" "$command" || worst=1
        done <<<"$commands"
    done
    return "$worst"
}

the_commands() {
    [[ -z ${FRESH_COMMANDS:-} ]] || { echo "$FRESH_COMMANDS" && return; }
    grep '^python3 -m venv ' README.md || die "README.md has no line that starts with: python3 -m venv"
}

cache() {
    local directory=${DIRMETA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dirmeta}
    mkdir -p "$directory" && realpath "$directory"
}

# Runs a function of this script in namespaces of its own; it cannot outlive the script.
privately() {
    setpriv --pdeathsig KILL unshare --mount --pid --ipc --uts --fork --kill-child \
        "$BASH" "${BASH_SOURCE[0]}" --inside "$@"
}

try() {
    local who=$1 command=$2 status=0 start=$SECONDS
    echo "=== as $who: $command"
    # No pipe: its subshell would stand between this script and what has to end with it.
    privately enter "$who" "$command" < <(tree) || status=$?
    echo "=== as $who: exit status $status after $((SECONDS - start)) s: $command"
    return "$status"
}

# The working tree, less what git ignores and what has been deleted, as a tar stream.
tree() {
    git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard |
        while IFS= read -rd '' file; do
            [[ ! -e $file && ! -L $file ]] || printf '%s\0' "$file"
        done | tar --create --null --files-from=-
}

# --- inside: in the private namespaces -----------------------------------------------------------------------------

bootstrap() {
    local mirror
    mirror=$(apt-get indextargets --format '$(SITE)' "Codename: $release" "Created-By: Packages" | head -n 1)
    exec 3>"$FRESH_TAR.part"
    flock --nonblock 3 || die "another run is making $FRESH_TAR; wait for it"
    echo "=== debootstrap $release, kept as $FRESH_TAR"
    mount -t tmpfs -o size=3g,mode=755 fresh "$system"
    debootstrap --variant=minbase --include="$packages" "$release" "$system" ${mirror:+"$mirror"} >&2
    rm -rf "$system"/var/cache/apt/archives/*.deb "$system"/var/lib/apt/lists/*
    tar --create --xattrs --numeric-owner --one-file-system --directory "$system" . >&3
    mv "$FRESH_TAR.part" "$FRESH_TAR"
}

enter() {
    local who=$1 command=$2 home=/root
    mount -t tmpfs -o size=6g,mode=755 fresh "$system"
    tar --extract --xattrs --numeric-owner --directory "$system" <"$FRESH_TAR"
    if [[ $who == user ]]; then
        chroot "$system" useradd --create-home --shell /bin/bash user
        home=/home/user
    fi
    mkdir "$system$home/dirmeta"
    tar --extract --no-same-owner --directory "$system$home/dirmeta"
    chroot "$system" chown -R "$who:$who" "$home"
    lend_network "$home"
    kernel_file_systems
    cd "$system"
    pivot_root . mnt
    umount --lazy /mnt
    cd "$home/dirmeta"
    # No exec: this shell stays the first process of the system, and reaps what the command orphans.
    env --ignore-environment PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME="$home" USER="$who" "${lent[@]}" \
        setpriv --reuid "$who" --regid "$who" --init-groups \
        bash -c "$command" </dev/null
}

kernel_file_systems() {
    mount -t proc proc "$system/proc"
    mount --rbind /sys "$system/sys"
    mount --rbind /dev "$system/dev"
    mount --make-rprivate "$system/dev"
    mount -t tmpfs -o mode=1777 shm "$system/dev/shm"
}

# What this machine's pip needs to reach its index: files, directories and variables; sets `lent`.
lend_network() {
    local home=$1 path name
    lent=()
    cp --dereference /etc/resolv.conf /etc/hosts "$system/etc/"
    for path in /etc/pip.conf /etc/xdg/pip; do
        lend "$path" "$path"
    done
    for path in .config/pip .pip; do
        lend "$HOME/$path" "$home/$path"
    done
    for path in $(named_by_pip | sort --unique); do
        lend "$path" "$path"
    done
    for name in $(compgen -e | grep -iE '^(PIP_|SSL_CERT_|REQUESTS_CA_BUNDLE$|(https?|no|all)_proxy$)'); do
        lent+=("$name=${!name}")
        [[ ${!name} != /* ]] || lend "${!name}" "${!name}"
    done
}

# The local files and directories that pip's configuration points to: certificates, indexes, wheels.
named_by_pip() {
    python3 -m pip config list 2>/dev/null | grep -oE "(file://)?/[^' ]+" | sed 's,^file://,,; s,/simple$,,' || true
}

# Copies a file, or shows a directory read-only, at a place in the system; nothing where there is no such thing.
lend() {
    local from=$1 to=$system$2
    [[ ! $from -ef $to ]] || return 0
    if [[ -d $from ]]; then
        mkdir -p "$to"
        mount --bind "$from" "$to"
        mount -o remount,bind,ro "$to"
    elif [[ -e $from ]]; then
        mkdir -p "$(dirname "$to")"
        cp --dereference "$from" "$to"
    fi
}

if [[ ${1:-} == --inside ]]; then
    shift
    mount --make-rprivate /
    "$@"
else
    main "$@"
fi
