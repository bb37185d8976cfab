"""How the notebooks are made and kept honest.

* `text`: a notebook as a Python file, for editing and for readable diffs, and back again.
* `build`: exercises from their solutions.
* `lint`: headers, objectives and tasks, alt text, quiet outputs, nbgrader metadata, cell ids.
* `run`: execute notebooks, refresh their outputs, compare measured minutes with the header's.

Each module has a `main(argv)` that the `kdcourse` command calls, and can be run by `python -m` as well.
"""
