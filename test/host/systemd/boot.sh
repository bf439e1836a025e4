#!/bin/sh
# Boots systemd as process 1 of a machine of its own: to be run in new mount, pid, uts, ipc and cgroup namespaces, and in
# the network namespace that shall be its network. Its root is this machine's, through an overlay that keeps every change
# in memory; its services are those that the caller starts.
#
# usage: boot.sh WORK PROJECT NODE UNITS
#   WORK     an empty directory, for mounts that end with this mount namespace
#   PROJECT  seen at /usr/lib/drover, read-only
#   NODE     seen at /usr/bin/node
#   UNITS    what it lays out is laid over the root: /etc, /usr
set -eu
work=$1 project=$2 node=$3 units=$4
root=$work/root

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$work"
mkdir "$root" "$work/upper" "$work/work"
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" overlay "$root"

# No unit of this machine starts by itself there.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/lib/systemd/system/*.wants "$root/etc/resolv.conf"
cp -R "$units/." "$root/"
# Without one systemd would take this for a first boot, and enable every unit.
echo 0123456789abcdef0123456789abcdef > "$root/etc/machine-id"
mkdir -p "$root/usr/lib/drover"
touch "$root/usr/bin/node"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
# systemd takes a pure cgroup2 as all it has; controllers that version 1 holds here are then not there.
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty userfaultfd; do
  [ -e "/dev/$device" ] || continue
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind -o ro "$project" "$root/usr/lib/drover"
mount --bind "$node" "$root/usr/bin/node"

cd "$root"
mkdir old
pivot_root . old
umount -l /old
exec env -i container=drover-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=drover-test.target < /dev/null
