"""How is it learned? One loop, many seeds at once, teachers that stay as they are, checkpoints that
survive."""

from kdcourse.training.adversarial import fit_with_critic
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
    # the loop
    "fit",
    "fit_keeping_best",
    "Best",
    "fit_with_critic",
    "warmup_cosine",
    "Batches",
    "Teacher",
    # objectives
    "supervised",
    "distillation",
    "stored_distillation",
    "network_augmentation",
    # many seeds at once
    "SeedStack",
    "for_each_seed",
    "seeded",
    # soft labels in a store
    "write_soft_labels",
    "audit_soft_labels",
    "SoftLabelStore",
    "SoftLabelError",
    # network augmentation
    "sort_hidden",
    "calibrate_batchnorm",
    "export_tiny",
    # checkpoints
    "save_checkpoint",
    "load_checkpoint",
    "CheckpointError",
]
