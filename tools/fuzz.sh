#!/bin/bash
# ./dev fuzz: builds a fuzz target with clang's libFuzzer and runs it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

finds=${DDSKEY_FUZZ_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ddskeyd-fuzz}

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

targets() { for source in test/fuzz/*_fuzz.cc; do basename "$source" _fuzz.cc; done; }

list() {
  local target
  echo "Fuzz targets (./dev fuzz TARGET [SECONDS]):"
  for target in $(targets); do
    printf '  %-18s %s\n' "$target" "$(sed -n '1s,^// ,,p' "test/fuzz/${target}_fuzz.cc")"
  done
}

# The folder of the built programs of all targets given.
build() {
  bazel build --config=fuzz --color=auto "${@/#/\/\/test\/fuzz:}" >&2 || { [[ $? -eq 8 ]] && exit 130 || exit 1; }
  bazel info --config=fuzz bazel-bin 2>/dev/null
}

# Runs $1 for $2 seconds; what it comes to goes to folder $3.
run() {
  local target=$1 seconds=$2 folder=$3
  shift 3
  mkdir -p "$folder/corpus" "$folder/finds"
  "$bin/test/fuzz/${target}_fuzz_bin" "$folder/corpus" "test/fuzz/corpus/$target" -max_total_time="$seconds" \
    -artifact_prefix="$folder/finds/" -timeout=60 -rss_limit_mb=4096 -max_len=16384 -print_final_stats=1 "$@"
}

fuzz() {
  local target=$1 seconds=$2 code=0
  bin=$(build "${target}_fuzz_bin")
  local before
  before=$(mktemp)
  run "$target" "$seconds" "$finds/$target" || code=$?
  local new
  new=$(find "$finds/$target/finds" -type f -newer "$before")
  rm -f "$before"
  echo
  echo "Inputs that reach new code: $finds/$target/corpus ($(find "$finds/$target/corpus" -type f | wc -l), used again next time)"
  if [[ -n $new ]]; then
    echo "FOUND:"
    printf '%s\n' "$new"
    echo "Try it again with:         $bin/test/fuzz/${target}_fuzz_bin FILE"
    echo "Make it smaller with:      $bin/test/fuzz/${target}_fuzz_bin -minimize_crash=1 -max_total_time=60 FILE"
    echo "Keep it, when mended, as:  test/fuzz/corpus/$target/WHAT_IT_IS, and run: ./dev test //test/fuzz:${target}_fuzz_test"
    exit 1
  fi
  # 72: libFuzzer was interrupted.
  [[ $code -ne 72 ]] || exit 130
  [[ $code -eq 0 ]] || exit "$code"
  echo "Nothing found."
}

# Every target has a bug that DDSKEY_PLANTED_BUG switches on: whoever finds none of these finds no others.
planted() {
  local target seconds=$1 missed=() started
  shift
  bin=$(build "${@/%/_fuzz_bin}")
  work=$(mktemp -d /tmp/ddskey-fuzz.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  for target in "$@"; do
    started=$SECONDS
    DDSKEY_PLANTED_BUG=1 run "$target" "$seconds" "$work/$target" >"$work/log" 2>&1 || [[ $? -ne 72 ]] || exit 130
    if grep '^broken invariant: ' "$work/log" >"$work/why"; then
      printf '%-18s found in %d s: %s\n' "$target" $((SECONDS - started)) "$(sed 's/^broken invariant: //' "$work/why")"
    else
      printf '%-18s NOT FOUND in %d s\n' "$target" "$seconds"
      missed+=("$target")
    fi
  done
  [[ ${#missed[@]} -eq 0 ]] || fail "the planted bugs of these were not found: ${missed[*]}"
}

mode=fuzz
if [[ ${1:-} = --planted ]]; then
  mode=planted
  shift
fi
if [[ $# -eq 0 && $mode = fuzz ]]; then
  list
  exit
fi
[[ $# -le 2 ]] || fail "fuzz: too many arguments (see ./dev help)"
chosen=()
[[ $# -eq 0 ]] || chosen=("$1")
for target in "${chosen[@]}"; do
  [[ $target =~ ^[a-z0-9_]+$ && -f test/fuzz/${target}_fuzz.cc ]] || fail "there is no fuzz target \"$target\"; './dev fuzz' lists them"
done
seconds=${2:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || fail "fuzz: \"$seconds\" is no number of seconds"
if [[ $mode = fuzz ]]; then
  fuzz "${chosen[0]}" "$seconds"
else
  [[ ${#chosen[@]} -gt 0 ]] || mapfile -t chosen < <(targets)
  planted "$seconds" "${chosen[@]}"
fi
