"""The method registry: every method of the benchmark, in the order of the course."""

from __future__ import annotations

from kdcourse.bench.method import Method
from kdcourse.bench.methods_augmentation import AUGMENTATION
from kdcourse.bench.methods_features import FEATURES
from kdcourse.bench.methods_online import ONLINE, SELF
from kdcourse.bench.methods_relations import RELATIONS
from kdcourse.bench.methods_responses import RESPONSES

METHODS: dict[str, Method] = {
    method.name: method for method in (*RESPONSES, *FEATURES, *RELATIONS, *SELF, *ONLINE, *AUGMENTATION)
}
"""The registry: every method of the benchmark by its name; an entry that is added takes part.

Lecture:
    18_capstone, section 2.
"""
