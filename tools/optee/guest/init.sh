#!/bin/busybox sh
# shellcheck shell=dash
# The first process of the emulated machine: it makes OP-TEE's PKCS#11 module reachable from outside and stays.
export PATH=/usr/bin:/usr/sbin
/bin/busybox --install -s /usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
while read -r module; do insmod "/modules/$module.ko" || echo "no module $module"; done </modules/order

until [ -b /dev/vda ] && [ -c /dev/teepriv0 ]; do usleep 10000; done
mkdir -p /var/lib/optee-client
# What the trusted application writes must outlive a power cut.
mount -t ext4 -o sync /dev/vda /var/lib/optee-client || poweroff -f
mkdir -p /var/lib/optee-client/data/tee
tee-supplicant -d /dev/teepriv0

ip link set lo up
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
# One process of its own for each program outside.
tcpsvd -l machine -c 60 0 1 /token &
tcpsvd -l machine -c 10 0 2 /control &
echo "machine is up"
while :; do sleep 3600; done
