# shellcheck shell=bash
# Sourced by make-secrets.sh and infra/set-password.sh. Needs bash, and their function `fail`.

# ask_password VARIABLE NAME: asks for a password twice on the terminal, without echo, and sets the variable.
ask_password() {
  local again saved
  [ -t 0 ] || fail "run this in a terminal, to be asked for $2."
  # Lines that were pasted behind the command must not become the password: drop what has arrived.
  saved=$(stty -g)
  stty -echo -icanon min 0 time 2
  cat >/dev/null
  stty "$saved"
  IFS= read -rsp "$2: " "$1"
  echo >&2
  IFS= read -rsp "$2, again: " again
  echo >&2
  [ "$again" = "${!1}" ] || fail "the two entries of $2 differ."
}
