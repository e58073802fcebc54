"""The rules hold for every set of options, and each planted mistake breaks a rule."""

import itertools

import options
import pytest
from mistakes import MISTAKES
from options import OPTIONS, VARIABLES
from rules import RULES, Plan


@pytest.fixture(scope="session")
def plans(planned, schemas, opened, initialised):
    return {name: Plan(initialised, options.resources(state, schemas), list(opened), VARIABLES | OPTIONS[name])
            for name, state in planned[0].items()}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_holds(plans, rule, name):
    rule(plans[name])


# The mistakes in groups that are planted at once: one for each rule.
ROUNDS = [list(filter(None, group)) for group in itertools.zip_longest(
    *([(rule, name) for name in names] for rule, names in MISTAKES.items()))]


def test_every_rule_has_a_mistake_that_breaks_it():
    assert MISTAKES.keys() == {rule.__name__ for rule in RULES}


@pytest.mark.parametrize("planted", ROUNDS, ids=lambda planted: "+".join(name for _, name in planted))
def test_a_mistake_breaks_its_rule(terraform, configuration, schemas, opened, planted):
    for rule, name in planted:
        file, old, new = MISTAKES[rule][name]
        text = (configuration / file).read_text()
        assert old in text, name
        (configuration / file).write_text(text.replace(old, new))
    del opened[:]
    states, _, _ = options.run(terraform, configuration, {"memorystore": OPTIONS["memorystore"]})
    plan = Plan(configuration, options.resources(states["memorystore"], schemas), opened, VARIABLES | OPTIONS["memorystore"])
    rules = {rule.__name__: rule for rule in RULES}
    for rule, name in planted:
        with pytest.raises(AssertionError):
            rules[rule](plan)
            pytest.fail(f"no rule finds {name}")
