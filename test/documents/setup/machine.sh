# Sourced before a page: what there is on a machine where ddskeyd was installed, and run_block.
# shellcheck shell=bash
set -eo pipefail

install -m 0755 /page/setup/systemctl /usr/local/bin/systemctl
systemd-sysusers /usr/lib/sysusers.d/ddskeyd.conf
install -d -o ddskeyd -g ddskeyd -m 0700 /var/lib/ddskeyd
install -d -o ddskeyd -g ddskeyd -m 0755 /run/ddskeyd
systemd-tmpfiles --create /usr/lib/tmpfiles.d/ddskeyd.conf
install -d -m 0755 /run/dbus /run/lock
install -d -m 0700 /root/work
useradd --create-home --shell /bin/sh robot
export DDSKEY_LOG=/run/ddskeyd.log
cd /root/work

fail() {
  printf 'error: %s\n' "$*"
  exit 1
}

# Waits for a command to succeed.
wait_for() {
  local left=500
  until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [[ $left -gt 0 ]] || fail "waited in vain for: $*"
    sleep 0.02
  done
}

# expect TEXT COMMAND...: waits until the command, whatever its exit status, says TEXT.
expect() {
  local left=100 output
  while :; do
    output=$("${@:2}" 2>&1) || true
    [[ $output != *"$1"* ]] || return 0
    left=$((left - 1))
    [[ $left -gt 0 ]] || fail "\"$1\" is not in what ${*:2} says: $output"
    sleep 0.1
  done
}

# A TPM without memory of another one, and the resource manager in front of it; tpm2-tools and tpm2-openssl find it.
start_tpm() {
  local state
  state=$(mktemp -d /run/tpm.XXXXXX)
  swtpm socket --tpm2 --tpmstate "dir=$state" --server "type=unixio,path=$state/tpm" \
    --ctrl "type=unixio,path=$state/tpm.ctrl" --flags not-need-init,startup-clear >"$state/log" 2>&1 &
  TPM=$!
  wait_for swtpm_ioctl --unix "$state/tpm.ctrl" -g
  [[ -e /run/dbus/system_bus_socket ]] || dbus-daemon --system --fork --nopidfile
  tpm2-abrmd --allow-root "--tcti=swtpm:path=$state/tpm" >"$state/broker" 2>&1 &
  BROKER=$!
  wait_for tpm2_getcap -T tabrmd: properties-fixed
  export TPM2TOOLS_TCTI=tabrmd: TPM2OPENSSL_TCTI=tabrmd:
}

stop_tpm() {
  kill "$BROKER" "$TPM"
  wait "$BROKER" "$TPM" || true
}

# The daemon with a TPM, and a backend in software beside it.
start_daemon() {
  printf '%s\n' 'backend { name: "tpm" tpm2 { tcti: "tabrmd:" } }' 'backend { name: "software" software {} }' \
    >/etc/ddskeyd/ddskeyd.textproto
  systemctl start ddskeyd
}

# run_block FILE NAME WHERE: sources a block, between before_NAME and after_NAME if there are such. before_NAME may
# change the file $BLOCK, where the page has an example's value.
run_block() {
  BLOCK=/page/$1
  printf '\n##### %s\n' "$3"
  if [[ -n $2 ]] && declare -F "before_$2" >/dev/null; then "before_$2"; fi
  set -x
  # shellcheck disable=SC1090 # The blocks are the page's.
  . "$BLOCK"
  { set +x; } 2>/dev/null
  if [[ -n $2 ]] && declare -F "after_$2" >/dev/null; then "after_$2"; fi
}
