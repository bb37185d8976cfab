"""What is matched? Distillation losses: pure functions of tensors, one file per kind of knowledge."""

from kdcourse.losses.responses import kd_loss, logit_matching_loss, soft_cross_entropy, soft_target_loss

__all__ = ["kd_loss", "logit_matching_loss", "soft_cross_entropy", "soft_target_loss"]
