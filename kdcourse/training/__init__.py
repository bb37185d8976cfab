"""How is it learned? One loop, many seeds at once, teachers that stay as they are, checkpoints that
survive."""

from kdcourse.training.batches import Batches
from kdcourse.training.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from kdcourse.training.early_stopping import Best, fit_keeping_best
from kdcourse.training.loop import fit, warmup_cosine
from kdcourse.training.netaug import calibrate_batchnorm, export_tiny, network_augmentation, sort_hidden
from kdcourse.training.objectives import distillation, stored_distillation, supervised
from kdcourse.training.seeds import SeedStack, for_each_seed, seeded
from kdcourse.training.soft_label_store import SoftLabelError, SoftLabelStore
from kdcourse.training.soft_label_writer import audit_soft_labels, write_soft_labels
from kdcourse.training.teacher import Teacher

__all__ = [
    "Batches",
    "Best",
    "CheckpointError",
    "SeedStack",
    "SoftLabelError",
    "SoftLabelStore",
    "Teacher",
    "audit_soft_labels",
    "calibrate_batchnorm",
    "distillation",
    "export_tiny",
    "fit",
    "fit_keeping_best",
    "for_each_seed",
    "load_checkpoint",
    "network_augmentation",
    "save_checkpoint",
    "seeded",
    "sort_hidden",
    "stored_distillation",
    "supervised",
    "warmup_cosine",
    "write_soft_labels",
]
