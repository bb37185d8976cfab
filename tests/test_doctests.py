"""The examples in docstrings are true: all of them, in every module of the package."""

import doctest
import importlib
import pkgutil

import pytest

import kdcourse
from kdcourse import losses

MODULES = sorted(module.name for module in pkgutil.walk_packages(kdcourse.__path__, "kdcourse."))


# The one package of the project that no extra for contributors brings: it is far larger than the rest.
NOT_NEEDED = {"kdcourse.bench.engines.on_ray": "ray"}


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    if name in NOT_NEEDED:
        pytest.importorskip(NOT_NEEDED[name])
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_every_loss_has_an_example():
    finder = doctest.DocTestFinder()
    for name in losses.__all__:
        function = getattr(losses, name)
        assert any(test.examples for test in finder.find(function, name)), name


def test_a_false_example_would_be_seen():
    source = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "false", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(source, out=lambda text: None).failed == 1
