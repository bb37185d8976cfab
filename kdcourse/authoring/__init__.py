"""How the notebooks are made and kept honest.

* `text`: a notebook as a Python file, for editing and for readable diffs, and back again.
* `build`: exercises from their solutions.
* `lint`: headers, objectives and tasks, alt text, quiet outputs, nbgrader metadata, cell ids.
* `run`: execute notebooks, refresh their outputs, compare measured minutes with the header's.
* `proof`: that an exercise grades rightly, tried with the right and wrong `answers` of its tasks.

The first four are commands: their `main(argv)` is what `kdcourse` calls, and `python -m` runs them as well.
"""
