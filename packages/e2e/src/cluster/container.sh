#!/bin/sh
# Runs a container's program: container.sh ROOT UID GID MOUNT... -- PROGRAM...
# MOUNT is SOURCE:TARGET:ro or SOURCE:TARGET:rw. The script must run in a mount namespace of its own. ROOT becomes the
# root directory, with this machine's system directories. Only /dev, /proc and the rw mounts are writable. The program
# has no capabilities, and is killed when its parent ends.
set -eu
root=$1 uid=$2 gid=$3
shift 3

bind() {
  if [ -d "$1" ]; then
    mkdir -p "$root$2"
  else
    mkdir -p "$(dirname "$root$2")"
    : >>"$root$2"
  fi
  mount --bind "$1" "$root$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
}

mount --bind "$root" "$root"
for directory in usr bin sbin lib lib64; do
  if [ -L "/$directory" ]; then
    [ -L "$root/$directory" ] || cp -P "/$directory" "$root/$directory"
  elif [ -d "/$directory" ]; then
    bind "/$directory" "/$directory" ro
  fi
done
for file in /etc/ssl /etc/hosts /etc/resolv.conf /etc/nsswitch.conf; do
  [ ! -e "$file" ] || bind "$file" "$file" ro
done
for directory in /dev /proc; do bind "$directory" "$directory" rw; done

while [ "$1" != -- ]; do
  source=${1%%:*} rest=${1#*:}
  shift
  bind "$source" "${rest%:*}" "${rest##*:}"
done
shift
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --reuid="$uid" --regid="$gid" --clear-groups --no-new-privs \
  --bounding-set=-all --inh-caps=-all --pdeathsig=KILL -- "$@"
