#!/bin/bash
# Completes command lines in a real bash, and has zsh read its file if there is one.
# completion_test.sh BASH_FILE ZSH_FILE DDSKEYCTL
set -euo pipefail

bash_file=$1 zsh_file=$2 program=$PWD/$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wrong=0

# A ddskeyctl that knows two keys and two backends, and writes down how it was asked.
cat >"$work/ddskeyctl" <<'END'
#!/bin/bash
printf '%s\n' "$*" >>"$(dirname "$0")/asked"
case "$*" in
  *'key list') printf 'NAME      ALGORITHM\ntalker    ec-p256\nlistener  ec-p256\n' ;;
  *'--json status') printf '{\n "backends": [\n  {\n   "name": "tpm",\n   "kind": "tpm2"\n  },\n  {\n   "name": "soft",\n   "kind": "x"\n  }\n ]\n}\n' ;;
  *) exit 2 ;;
esac
END
chmod +x "$work/ddskeyctl"
PATH=$work:$PATH
mkdir "$work/folder"
touch "$work/file.pem"
cd "$work"

# shellcheck source=/dev/null
source "$OLDPWD/$bash_file"

# offers WORD... prints what completing the last word offers, sorted, in one line.
offers() {
  COMP_WORDS=(ddskeyctl "$@")
  COMP_CWORD=$(($# > 0 ? $# : 1))
  COMPREPLY=()
  _ddskeyctl
  printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ' | sed 's/ *$//'
}

# expect EXPECTED WORD...
expect() {
  local expected=$1 found
  shift
  found=$(offers "$@")
  [[ $found == "$expected" ]] && return
  printf 'ddskeyctl %s: offers "%s", not "%s"\n' "$*" "$found" "$expected"
  wrong=1
}

# include EXPECTED WORD...: among others.
include() {
  local expected=$1 found
  shift
  found=$(offers "$@")
  [[ " $found " == *" $expected "* ]] && return
  printf 'ddskeyctl %s: offers "%s", without "%s"\n' "$*" "$found" "$expected"
  wrong=1
}

[[ $(complete -p ddskeyctl) == 'complete -F _ddskeyctl ddskeyctl' ]] || wrong=1

# Commands, of one word and of two.
include identity ''
include doctor d
expect 'create delete disable enable list renew rollback show' identity ''
expect 'renew rollback' identity r
expect '' nonsense ''
# Options: those of the command, and those of all.
include --subject identity create -
include --timeout identity create -
expect --subject identity create talker --su
expect --timeout --t
include --identity doctor --
# Values, also behind an equals sign, which the shell makes a word of its own.
expect 'file.pem' cert install talker --certificate 'fi'
expect 'file.pem' cert install talker --certificate = 'fi'
expect 'handshake' key create talker --purpose h
expect 'rsa-2048 rsa-3072' key create talker --algorithm = rsa
expect 'digest handshake' key create talker --purpose =
expect 'soft tpm' key create talker --backend ''
expect 'soft' backend unlock s
include root doctor --as ro
# What has no end of possibilities.
expect '' key create talker --subject ''
# Names of keys, from the daemon that the line names.
expect 'listener talker' key show ''
expect 'talker' --socket /run/other.sock key show t
grep -qxF -- '--socket /run/other.sock --timeout 1 key list' "$work/asked" || {
  printf 'the socket of the line was not asked\n'
  wrong=1
}
# A command that is the first word of others, too: both.
include finish enroll ''
include talker enroll ''
# No more than it takes.
expect '' key show talker ''
# Behind -- another program begins.
include bash run --identity talker -- bas
# What the daemon answers is never run, and only what can be a name is offered.
cat >"$work/ddskeyctl" <<'END'
#!/bin/bash
case "$*" in
  *'key list') printf '%s a\n' NAME '$(touch${IFS}ran)' '`touch${IFS}ran`' -x '*' '~root' $'\033[2J' "$(printf %064d 0)" good ;;
  *) printf '{"backends":[{"name": "$(touch${IFS}ran)", "kind": "a"},{"name": "soft", "kind": "x"}]}\n' ;;
esac
END
expect 'good' key show ''
expect 'soft' backend unlock ''
[[ ! -e $work/ran ]] || {
  printf 'an answer of the daemon was run\n'
  wrong=1
}
# A daemon that does not answer is no reason to wait, or to say anything.
printf '#!/bin/bash\necho no >&2\nexit 3\n' >"$work/ddskeyctl"
expect '' key show ''

# Every command of --help is offered.
mapfile -t commands < <("$program" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z0-9-]*\( [a-z0-9-]*\)\?\)  .*/\1/p')
if ((${#commands[@]} < 40)); then
  printf 'only %d commands in --help\n' "${#commands[@]}"
  wrong=1
fi
for command in "${commands[@]}"; do
  read -r first second <<<"$command"
  include "$first" ''
  [[ -z $second ]] || include "$second" "$first" ''
done

if command -v zsh >/dev/null; then
  zsh -n "$OLDPWD/$zsh_file" || wrong=1
else
  printf 'there is no zsh: %s was not read by it\n' "$zsh_file"
fi
[[ $(head -n 1 "$OLDPWD/$zsh_file") == '#compdef ddskeyctl' ]] || wrong=1
exit "$wrong"
