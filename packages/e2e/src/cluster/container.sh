#!/bin/sh
# Starts a container's program as the kubelet would have it started: container.sh ROOT UID GID MOUNT... -- PROGRAM...
# MOUNT is SOURCE:TARGET:ro or :rw. Needs a mount namespace of its own. What the image holds is this machine's system
# directories, read-only, and nothing can be written but what is mounted so. The program has no capability, and is killed
# with the process that started it.
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
