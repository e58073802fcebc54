# shellcheck shell=bash
# Sourced by images-test and compose-test: a table of results, a temporary directory, and helpers to check and to wait.

work=$(mktemp -d)
count=0

# seen WHAT RESULT: prints one check that passed.
seen() {
  printf '%-46s %s\n' "$1" "$2"
  count=$((count + 1))
}
fail() {
  echo "${0##*/}: $1" >&2
  exit 1
}
# expect WHAT EXPECTED ACTUAL: fails if they differ.
expect() { [ "$3" = "$2" ] || fail "$1 is '$3', not '$2'"; }

# eventually WHAT COMMAND...: runs the command until it succeeds, for up to three minutes.
eventually() {
  local what=$1 end=$((SECONDS + 180))
  shift
  until "$@" >"$work/last" 2>&1; do
    ((SECONDS < end)) || fail "timed out: $what: $(cat "$work/last")"
    sleep 0.1
  done
}

# Prints the last line. A failed check exits earlier.
closing_line() { echo "$count passed, 0 failed"; }
