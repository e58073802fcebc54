"""Changing an option, in either direction, replaces and deletes nothing that the running system needs."""

import re

import pytest
from options import OPTIONS

# Pods could not read their passwords, the DNS record and the certificate would be wrong, or everything would be gone.
NEEDED = re.compile(r"_iam_(member|audit_config|custom_role)$|_secret$|_address$|_cluster$|_managed_zone$|_record_set$|_map|_pool")


@pytest.mark.parametrize("before", OPTIONS)
def test_no_option_replaces_or_deletes_what_runs(planned, before):
    for after in OPTIONS.keys() - {before}:
        changes = {change["address"]: change["change"] for change in planned[1][before, after]["resource_changes"]}
        needed = {address for address in changes if NEEDED.search(address.partition(".")[0])}
        assert any("google_secret_manager_secret_iam_member" in address for address in needed)
        for address in needed:
            change = changes[address]
            # An update, too, because the mocks do not know which arguments cannot be updated. The cluster's protection can.
            old, new = ({key: value for key, value in (change[side] or {}).items() if key != "deletion_protection"}
                        for side in ("before", "after"))
            assert change["actions"] == ["no-op"] or old == new and not unknown(change), f"{before} -> {after}: {address}"


def unknown(change):
    return [name for name, value in change["after_unknown"].items() if value is True]
