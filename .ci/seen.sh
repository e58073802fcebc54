# shellcheck shell=bash
# Sourced by the tests of images and Compose: a table of what was seen, a place to work in, waiting for a condition.

work=$(mktemp -d)
count=0

# seen WHAT RESULT: one check that held.
seen() {
  printf '%-46s %s\n' "$1" "$2"
  count=$((count + 1))
}
fail() {
  echo "${0##*/}: $1" >&2
  exit 1
}
# expect WHAT EXPECTED ACTUAL
expect() { [ "$3" = "$2" ] || fail "$1 is '$3', not '$2'"; }

# eventually WHAT COMMAND...: runs the command until it succeeds.
eventually() {
  local what=$1 end=$((SECONDS + 60))
  shift
  until "$@" >"$work/last" 2>&1; do
    ((SECONDS < end)) || fail "waited in vain until $what: $(cat "$work/last")"
    sleep 0.1
  done
}

# The last line: a check that does not hold ends the test before it.
closing_line() { echo "$count passed, 0 failed"; }
