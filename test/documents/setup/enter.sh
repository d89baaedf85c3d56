#!/bin/bash
# Becomes the machine on which a page is typed: an overlay of this one's files, and in it a shell. $1 is the folder with
# the page (page/), what follows are the packages that the machine has.
set -euo pipefail
folder=$1
root=$folder/root
mount --make-rprivate /
mkdir "$folder/layers" "$root"
mount -t tmpfs -o mode=0755 layers "$folder/layers"
mkdir "$folder/layers/upper" "$folder/layers/work"
mount -t overlay -o "lowerdir=/,upperdir=$folder/layers/upper,workdir=$folder/layers/work" machine "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
for place in run tmp home root var/lib/ddskeyd etc/ddskeyd; do
  mkdir -p "$root/$place"
  mount -t tmpfs -o mode=0755 machine "$root/$place"
done
chmod 1777 "$root/tmp"
mkdir -p "$root/page"
mount --bind "$folder/page" "$root/page"
# As dpkg does: a link to a folder stays one.
for package in "${@:2}"; do
  dpkg-deb --fsys-tarfile "$package" | tar --extract --keep-directory-symlink --directory "$root"
done
ip link set lo up
exec /usr/sbin/chroot "$root" /usr/bin/env -i HOME=/root USER=root TERM=dumb LANG=C.UTF-8 \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin bash /page/main
