#!/usr/bin/env bash
# usage: infra/set-password.sh [--keep-old]
# Asks for the password for users of the API, and applies infra/ with it. With --keep-old, it also asks for the old
# password, which the API then accepts too. It shows the plan before it applies it. Nothing is kept: the passwords are only
# in the environment of Terraform, which does not write them to the plan or the state. If a step fails, run it again.
# TERRAFORM is the program (default: terraform).
set -euo pipefail
cd "$(dirname "$0")"
umask 077
terraform=${TERRAFORM:-terraform}

fail() {
  echo "infra/set-password.sh: $1" >&2
  exit 1
}
# shellcheck source-path=SCRIPTDIR source=../k8s/ask-password.sh
. ../k8s/ask-password.sh

keep_old=
case "$#${1:-}" in
  0) ;;
  1--keep-old) keep_old=yes ;;
  *) fail "usage: infra/set-password.sh [--keep-old]" ;;
esac
for program in "$terraform" jq; do
  command -v "$program" >/dev/null || fail "$program is not installed."
done

new='' old=''
ask_password new 'New password'
[ "${#new}" -ge 20 ] || fail "the password needs at least 20 characters; it has ${#new}."
case $new in *[[:cntrl:]]*) fail "the password contains a control character, such as a tab." ;; esac
if [ -n "$keep_old" ]; then
  ask_password old 'Old password'
  [ -n "$old" ] || fail "the old password is empty. To forget it, run this without --keep-old."
  [ "$old" != "$new" ] || fail "the new password is the old one."
fi
# Both are set, even if empty: Terraform wants the same variables for the plan and the apply.
export TF_VAR_app_password=$new TF_VAR_app_password_previous=$old

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$terraform" plan -input=false -out="$work/plan"
advice="raise app_password_version in infra/terraform.tfvars by one."
# Without TF_VAR_app_password_previous, this would store no previous password, even if one is still due.
[ -n "$keep_old" ] || advice="$advice If the last run has stored it, run this instead: $terraform -chdir=infra apply"
# Terraform cannot compare write-only values, so it stores a password only if its version has changed.
"$terraform" show -json "$work/plan" | jq --exit-status '
  any(.resource_changes[]?; .address == "google_secret_manager_secret_version.app" and .change.actions != ["no-op"])
' >/dev/null || fail "this plan stores no password: $advice"
read -rp "Apply this plan? Only 'yes' is accepted: " answer
[ "$answer" = yes ] || fail "nothing was applied."
"$terraform" apply -input=false "$work/plan"
