"""infra/offline/plan shows what each set of options applies, so that a review sees what a change does. `make snapshots`
writes it."""

import os

import options
import pytest
from conftest import HERE
from options import OPTIONS

DIFFERENCE = "Like default, except:\n"


def shown(states, schemas):
    """The text of each file: everything for the default, and for the others only the resources that differ."""
    found = {name: options.resources(state, schemas) for name, state in states.items()}
    default = found.pop("default")
    texts = {"default": options.text(default)}
    for name, resources in found.items():
        gone = "".join(f"without {address}\n" for address in sorted(default.keys() - resources.keys()))
        changed = {address: values for address, values in resources.items() if default.get(address) != values}
        texts[name] = DIFFERENCE + gone + options.text(changed)
    return texts


@pytest.mark.parametrize("name", OPTIONS)
def test_the_snapshot_shows_what_is_applied(planned, schemas, name):
    file, text = HERE / f"plan/{name}.txt", shown(planned[0], schemas)[name]
    if os.environ.get("SNAPSHOTS") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert file.exists() and file.read_text() == text, "review the difference, and run: make snapshots"


def test_every_snapshot_belongs_to_a_set_of_options():
    assert {file.stem for file in (HERE / "plan").iterdir()} == OPTIONS.keys()
