"""What is matched? Distillation losses: pure functions of tensors, one file per kind of knowledge."""

from kdcourse.losses.features import (
    activation_boundary_loss,
    factor_transfer_loss,
    hierarchical_context_loss,
    hint_loss,
    log_sum_loss,
    vid_loss,
)
from kdcourse.losses.features_attention import (
    attention_guided_loss,
    attention_map,
    attention_transfer_loss,
    gradient_attention_loss,
    input_gradient,
    nst_loss,
)
from kdcourse.losses.online import (
    confidence_weights,
    mutual_losses,
    permuted_soft_targets,
    self_distillation_loss,
)
from kdcourse.losses.relations_angles import rkd_angle_loss
from kdcourse.losses.relations_contrastive import infonce_loss
from kdcourse.losses.relations_layers import fsp_loss, fsp_matrix, ickd_loss
from kdcourse.losses.relations_samples import (
    correlation_congruence_loss,
    local_structure_loss,
    pkt_loss,
    rkd_distance_loss,
    similarity_preserving_loss,
)
from kdcourse.losses.responses import (
    generalized_jsd,
    kd_loss,
    logit_matching_loss,
    soft_cross_entropy,
    soft_target_loss,
)
from kdcourse.losses.responses_stored import (
    densify_soft_targets,
    ensemble_soft_targets,
    sparse_soft_cross_entropy,
    sparse_soft_targets,
)
from kdcourse.losses.responses_variants import (
    decoupled_kd_loss,
    dist_loss,
    prime_aware_loss,
    standardized_soft_target_loss,
)
from kdcourse.losses.tasks import (
    bounded_regression_loss,
    class_weighted_soft_cross_entropy,
    localization_distillation_loss,
)
from kdcourse.losses.tasks_boxes import distribution_focal_loss
from kdcourse.losses.tasks_dense import (
    adversarial_loss,
    critic_hinge_loss,
    pairwise_similarity_loss,
    segmentation_kd_loss,
)
from kdcourse.losses.tasks_texts import (
    attention_distribution_loss,
    attention_score_loss,
    hidden_cosine_loss,
    hidden_state_loss,
)

__all__ = [
    # responses
    "soft_cross_entropy",
    "soft_target_loss",
    "kd_loss",
    "logit_matching_loss",
    "generalized_jsd",
    "standardized_soft_target_loss",
    "decoupled_kd_loss",
    "dist_loss",
    "prime_aware_loss",
    "ensemble_soft_targets",
    "sparse_soft_targets",
    "densify_soft_targets",
    "sparse_soft_cross_entropy",
    # features
    "hint_loss",
    "attention_map",
    "attention_transfer_loss",
    "input_gradient",
    "gradient_attention_loss",
    "attention_guided_loss",
    "nst_loss",
    "factor_transfer_loss",
    "activation_boundary_loss",
    "vid_loss",
    "hierarchical_context_loss",
    "log_sum_loss",
    # relations
    "fsp_matrix",
    "fsp_loss",
    "ickd_loss",
    "rkd_distance_loss",
    "rkd_angle_loss",
    "pkt_loss",
    "correlation_congruence_loss",
    "similarity_preserving_loss",
    "local_structure_loss",
    "infonce_loss",
    # tasks
    "bounded_regression_loss",
    "localization_distillation_loss",
    "distribution_focal_loss",
    "class_weighted_soft_cross_entropy",
    "attention_score_loss",
    "attention_distribution_loss",
    "hidden_state_loss",
    "hidden_cosine_loss",
    "segmentation_kd_loss",
    "pairwise_similarity_loss",
    "critic_hinge_loss",
    "adversarial_loss",
    # online and self-distillation
    "mutual_losses",
    "self_distillation_loss",
    "confidence_weights",
    "permuted_soft_targets",
]
