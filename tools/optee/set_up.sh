#!/bin/bash
# set_up.sh FOLDER: makes everything of the emulated Arm machine in FOLDER from Debian packages: flash.bin (TF-A, OP-TEE
# and U-Boot), Image (Debian's kernel) and initrd.gz. What is there already is kept. Needs no root.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
here=$(dirname "$(readlink -f "$0")")
folder=$(mkdir -p "$1" && readlink -f "$1")
release=trixie
libraries=usr/lib/aarch64-linux-gnu
platform=vexpress-qemu_armv8a

say() { printf '==> %s\n' "$*" >&2; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a step whose output nobody wants unless it fails.
quietly() {
  "$@" >"$folder/log" 2>&1 && return
  tail -n 30 "$folder/log" >&2
  fail "$1 failed; all of its output is in $folder/log"
}

# The mirror that this machine uses.
mirror() {
  local uri
  # shellcheck disable=SC2016 # $(...) is for apt.
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' 2>/dev/null | head -n 1)
  printf '%s' "${uri:-http://deb.debian.org/debian/}"
}

# An apt that knows another release and architecture, and leaves this machine's lists alone. Settings of this machine,
# such as a proxy, count for it too.
prepare_apt() {
  mkdir -p "$work"/apt/{lists/partial,cache/archives/partial,none}
  : >"$work/apt/status"
  local key=/usr/share/keyrings/debian-archive-keyring.gpg
  [[ -f $key ]] || fail "$key is missing; install the package debian-archive-keyring"
  cat >"$work/apt/sources.list" <<SOURCES
deb [arch=arm64 signed-by=$key] $(mirror) $release main
deb-src [signed-by=$key] $(mirror) $release main
SOURCES
  apt_options=(
    -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Acquire::Languages=none -o APT::Sandbox::User=
    -o Acquire::Retries=3 -o Dir::State="$work/apt" -o Dir::State::status="$work/apt/status"
    -o Dir::Cache="$work/apt/cache" -o Dir::Etc::sourcelist="$work/apt/sources.list"
    -o Dir::Etc::sourceparts="$work/apt/none" -o Dir::Etc::preferences=/dev/null
    -o Dir::Etc::preferencesparts="$work/apt/none"
  )
}

list_of_packages() {
  local name
  sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$here/guest_packages.txt" | while read -r name; do
    if [[ $name = \(*\) ]]; then
      name=${name//[()]/}
      apt-cache "${apt_options[@]}" depends "$name" | sed -n 's/^ *Depends: //p' | head -n 1
    else
      printf '%s\n' "$name"
    fi
  done
}

# Leaves the files of the packages in $work/root, and the source of TF-A in $work/firmware.
download() {
  prepare_apt
  say "downloading packages of Debian $release for arm64 (about 130 MB) from $(mirror)"
  apt-get "${apt_options[@]}" update >"$folder/log" 2>&1 || {
    tail -n 5 "$folder/log" >&2
    fail "the lists of Debian $release cannot be downloaded; is there a network, and does the mirror have them?"
  }
  local packages
  mapfile -t packages < <(list_of_packages)
  mkdir -p "$work/packages" "$work/root"
  (cd "$work/packages" && quietly apt-get "${apt_options[@]}" download "${packages[@]}")
  local package
  for package in "$work"/packages/*.deb; do quietly dpkg-deb --extract "$package" "$work/root"; done
  (cd "$work/packages" && quietly apt-get "${apt_options[@]}" source --download-only arm-trusted-firmware)
  quietly dpkg-source --no-check --extract "$work"/packages/arm-trusted-firmware_*.dsc "$work/firmware"
}

# TF-A with OP-TEE as the secure world's system and U-Boot as the normal world's boot loader, laid out as the flash of
# QEMU's virt machine: the first stage at 0, everything else at 256 KiB.
make_flash() {
  say "building TF-A"
  local optee=$work/root/usr/lib/optee/$platform
  quietly make -C "$work/firmware" -j "$(nproc)" CROSS_COMPILE=aarch64-linux-gnu- PLAT=qemu DEBUG=0 SPD=opteed \
    QEMU_USE_GIC_DRIVER=QEMU_GICV3 BL32_RAM_LOCATION=tdram BL32="$optee/tee-header_v2.bin" \
    BL32_EXTRA1="$optee/tee-pager_v2.bin" BL32_EXTRA2="$optee/tee-pageable_v2.bin" \
    BL33=/usr/lib/u-boot/qemu_arm64/u-boot.bin all fip
  cp "$work/firmware/build/qemu/release/bl1.bin" "$work/flash.bin"
  dd if="$work/firmware/build/qemu/release/fip.bin" of="$work/flash.bin" bs=4096 seek=64 conv=notrunc status=none
}

# Copies a kernel module after those that it needs, and notes the order. What is not there is built into the kernel.
add_module() {
  local name=${1//-/_} file depends needed
  ! grep -qx "$name" "$tree/modules/order" || return 0
  file=$(find "$work/root/usr/lib/modules" -name "${name//_/[-_]}.ko*" | head -n 1)
  [[ -n $file ]] || return 0
  xz -dc "$file" >"$tree/modules/$name.ko"
  depends=$(modinfo -F depends "$tree/modules/$name.ko")
  for needed in ${depends//,/ }; do add_module "$needed"; done
  printf '%s\n' "$name" >>"$tree/modules/order"
}

make_initrd() {
  say "making the normal world's file system"
  local root=$work/root file
  tree=$work/tree
  mkdir -p "$tree"/{dev,proc,sys,tmp,modules,var/lib} "$tree"/usr/{bin,sbin,lib/optee_armtz,libexec/p11-kit} \
    "$tree/$libraries"
  for file in bin sbin lib; do ln -s "usr/$file" "$tree/$file"; done
  cp -L "$root"/usr/bin/{busybox,p11-kit,tcpsvd} "$tree/usr/bin/"
  cp -L "$root/usr/sbin/tee-supplicant" "$tree/usr/sbin/"
  cp -L "$root/usr/libexec/p11-kit/p11-kit-remote" "$tree/usr/libexec/p11-kit/"
  cp -L "$root/usr/lib/ld-linux-aarch64.so.1" "$tree/usr/lib/"
  for file in libc.so.6 libteec.so.2 libckteec.so.0 libp11-kit.so.0 libffi.so.8 libtasn1.so.6; do
    cp -L "$root/$libraries/$file" "$tree/$libraries/"
  done
  # The trusted applications; the PKCS#11 token is one of them.
  cp "$root/usr/lib/optee-os-dev/$platform/ta/"*.ta "$tree/usr/lib/optee_armtz/"
  : >"$tree/modules/order"
  for file in virtio_blk crc32c_generic ext4 virtio_net tee optee; do add_module "$file"; done
  for file in init token control; do install -m 755 "$here/guest/$file.sh" "$tree/$file"; done
  (cd "$tree" && find . | cpio --create --format=newc --owner=0:0 --quiet) | gzip -1 >"$work/initrd.gz"
}

# What is in the folder was made of these very scripts and lists.
made_of=$(cat "$here/set_up.sh" "$here/guest_packages.txt" "$here"/guest/* | sha256sum | cut -d ' ' -f 1)
if [[ -f $folder/made_of && $(<"$folder/made_of") = "$made_of" ]]; then
  exit 0
fi
began=$SECONDS
work=$(mktemp -d "$folder/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
rm -f "$folder/made_of"
download
make_flash
make_initrd
cp "$work"/root/boot/vmlinuz-* "$folder/Image"
mv "$work/flash.bin" "$work/initrd.gz" "$folder/"
rm -f "$folder/log"
printf '%s\n' $((SECONDS - began)) >"$folder/seconds"
printf '%s\n' "$made_of" >"$folder/made_of"
say "the machine is in $folder"
