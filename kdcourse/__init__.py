"""kdcourse: the library behind a notebook course on knowledge distillation.

Importing this package loads nothing else. Take what you need from its rooms, for example
`from kdcourse import losses` or `from kdcourse.losses import kd_loss`.
"""

__version__ = "0.1.0"
