#!/bin/bash
# That groff has nothing against the given man pages, and that each has the sections that a reader looks for.
set -euo pipefail

wrong=0
for page in "$@"; do
  if ! said=$(groff -man -Tutf8 -ww -z "$page" 2>&1) || [[ -n $said ]]; then
    printf '%s\n' "$page: ${said:-groff failed}"
    wrong=1
  fi
  for section in NAME SYNOPSIS DESCRIPTION "SEE ALSO"; do
    if ! grep -qiE "^\.SH \"?$section\"?$" "$page"; then
      printf '%s\n' "$page: it has no section $section"
      wrong=1
    fi
  done
  # A name that was not replaced, and Markdown's marks.
  if grep -nE '@FIELDS|`' "$page"; then
    printf '%s\n' "$page: this is not roff"
    wrong=1
  fi
done
exit "$wrong"
