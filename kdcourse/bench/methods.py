"""The method registry: every method of the benchmark, in the order of the course."""

from __future__ import annotations

from kdcourse.bench.method import Method
from kdcourse.bench.methods_responses import RESPONSES

METHODS: dict[str, Method] = {method.name: method for method in (*RESPONSES,)}
