#!/bin/bash
# ./dev test-optee: tests with keys in the secure world of an emulated Arm machine.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

usage() {
  cat <<'USAGE'
./dev test-optee [OPTION...]

Tests with private keys in OP-TEE, the trusted operating system of Arm's TrustZone, on an emulated machine (QEMU) that is
made from Debian packages: firmware (TF-A, built here, and U-Boot), OP-TEE with its PKCS#11 token, and a Linux kernel.
The daemon runs here and reaches the token through p11-kit's remote protocol. Ends with a summary.

  --fresh      Make the machine again, from nothing.
  --filter F   Run only the tests that gtest's filter F names.
  --machine    Only start it, say how its token is reached, and wait for Ctrl-C.
  --help       Show this text.

The first run installs the packages of tools/optee/host_packages.txt (as root or with sudo) and downloads 130 MB from the
Debian mirror that apt uses here; nothing else needs root. The machine takes 50 MB in ~/.cache/ddskeyd-optee
(DDSKEY_OPTEE_DIR), and is made again when tools/optee changes. A machine that runs has 1 GB of memory.
USAGE
}

say() { printf '==> %s\n' "$*" >&2; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

folder=${DDSKEY_OPTEE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ddskeyd-optee}
tests=(//test/conformance:optee_conformance_test //test/integration:optee_test)
module=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || true)/pkcs11/p11-kit-client.so
machine=
state=

finish() {
  if [[ -n $machine ]]; then
    kill "$machine" 2>/dev/null || true
    wait "$machine" 2>/dev/null || true
  fi
  [[ -z $state ]] || rm -rf "$state"
}

# Starts the machine with an empty disk, and its sockets in $state.
start_machine() {
  state=$(mktemp -d /tmp/ddskey-optee.XXXXXX)
  chmod 711 "$state"
  trap finish EXIT
  trap 'exit 130' INT TERM HUP
  mkfifo "$state/up"
  say "starting the machine"
  python3 tools/optee/machine.py "$folder" "$state" >"$state/up" &
  machine=$!
  local seconds
  if ! read -r seconds <"$state/up"; then
    tail -n 20 "$state/console.log" >&2 || true
    fail "the machine did not start; ./dev test-optee --fresh makes it again"
  fi
  printf 'start of the machine\t%s s\n' "$seconds" >>"$state/figures"
  say "it is up after $seconds s"
}

tool() {
  P11_KIT_SERVER_ADDRESS=unix:path=$state/token.sock DDSKEY_PIN=$(<"$state/pin") timeout 60 \
    pkcs11-tool --module "$module" "$@" >"$state/tool.log" 2>&1 && return
  cat "$state/tool.log" >&2
  fail "the token cannot be prepared"
}

# OP-TEE has three tokens without a PIN. They become ddskey-0 to ddskey-2, with a PIN that nobody knew before.
prepare_tokens() {
  (umask 077 && od -An -N8 -tx8 /dev/urandom | tr -d ' \n' >"$state/pin")
  local index
  for index in 0 1 2; do
    tool --slot-index "$index" --init-token --label "ddskey-$index" --so-pin env:DDSKEY_PIN
    tool --slot-index "$index" --init-pin --login --so-pin env:DDSKEY_PIN --pin env:DDSKEY_PIN
  done
}

lend() {
  cat <<TEXT

The tokens "ddskey-0" to "ddskey-2" are there until Ctrl-C, with the PIN in $state/pin:

  export P11_KIT_SERVER_ADDRESS=unix:path=$state/token.sock
  pkcs11-tool --module $module --list-slots

TEXT
  wait "$machine"
}

summary() {
  local name value
  printf '\nOP-TEE on an emulated Arm machine, %s\n\n' "$(qemu-system-aarch64 --version | head -n 1)"
  {
    printf 'making the machine from nothing\t%s s\n' "$(<"$folder/seconds")"
    printf 'files of the machine\t%s MB\n' "$(du -sm "$folder" | cut -f 1)"
    cat "$state/figures"
  } | while IFS=$'\t' read -r name value; do printf '  %-64s %s\n' "$name" "$value"; done
  printf '\n'
}

run_tests() {
  say "running the tests"
  local code=0
  bazel test --color=auto --keep_going --nocache_test_results --flaky_test_attempts=1 --local_test_jobs=1 \
    --test_output=streamed --build_event_json_file="$state/events" --test_env=DDSKEY_OPTEE="$state" \
    --test_env=DDSKEY_OPTEE_MODULE="$module" "${filter[@]}" "${tests[@]}" || code=$?
  # 8: interrupted.
  [[ $code -ne 8 ]] || exit 130
  printf '%s' "$code" >"$state/events.code"
  summary
  /usr/bin/python3 tools/results/results.py "optee=$state/events"
}

only_machine=
filter=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --help)
      usage
      exit 0
      ;;
    --fresh) rm -f "$folder/made_of" ;;
    --machine) only_machine=yes ;;
    --filter)
      [[ $# -gt 1 ]] || fail "--filter wants a filter (see ./dev test-optee --help)"
      filter=(--test_filter="$2")
      shift
      ;;
    *) fail "unknown option $1 (see ./dev test-optee --help)" ;;
  esac
  shift
done
tools/optee/set_up.sh "$folder"
[[ -n $only_machine ]] || bazel build --color=auto "${tests[@]}" >&2 || exit 1
start_machine
say "preparing its tokens"
prepare_tokens
if [[ -n $only_machine ]]; then
  lend
else
  run_tests
fi
