"""How is it learned? One loop, many seeds at once, teachers that stay as they are, checkpoints that
survive."""

from kdcourse.training.batches import Batches
from kdcourse.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from kdcourse.training.loop import fit, warmup_cosine
from kdcourse.training.objectives import distillation, supervised
from kdcourse.training.seeds import SeedStack, for_each_seed, seeded
from kdcourse.training.teacher import Teacher

__all__ = [
    "Batches",
    "CheckpointError",
    "SeedStack",
    "Teacher",
    "distillation",
    "fit",
    "for_each_seed",
    "load_checkpoint",
    "save_checkpoint",
    "seeded",
    "supervised",
    "warmup_cosine",
]
