"""torchdistill's losses behind the arguments of ours.

They read tensors from dictionaries keyed by the path of a module. The dictionaries are made here, before the
clock starts. Each function takes the arguments of our loss and returns a function without arguments.
"""

import torch
import torch.nn.functional as F
from torch import nn

try:
    from torchdistill.losses import mid_level
except ImportError:
    mid_level = None

WHERE = {"path": "layer", "io": "output"}
PAIR = {"pair": {"student": WHERE, "teacher": WHERE, "weight": 1}}
MODULES = {
    "student_module_path": "layer",
    "student_module_io": "output",
    "teacher_module_path": "layer",
    "teacher_module_io": "output",
}


def at_layer(tensor) -> dict:
    return {"layer": {"output": tensor}}


def two_tensors(make_loss):
    """For the losses of one tensor of the student and one of the teacher."""

    def prepare(student, teacher, labels=None):
        loss, s, t = make_loss(), at_layer(student), at_layer(teacher)
        return lambda: loss(s, t, labels)

    return prepare


kd_loss = two_tensors(lambda: mid_level.KDLoss(**MODULES, temperature=4.0, alpha=0.1))
soft_target_loss = two_tensors(lambda: mid_level.KDLoss(**MODULES, temperature=4.0, alpha=0.0))
standardized_soft_target_loss = two_tensors(
    lambda: mid_level.LogitStdKDLoss(**MODULES, temperature=2.0, alpha=0.0)
)
dist_loss = two_tensors(lambda: mid_level.DISTLoss(**MODULES))
hint_loss = two_tensors(
    lambda: mid_level.SimpleLossWrapper(
        nn.MSELoss(),
        input={"is_from_teacher": False, "module_path": "layer", "io": "output"},
        target={"is_from_teacher": True, "module_path": "layer", "io": "output"},
    )
)
attention_transfer_loss = two_tensors(lambda: mid_level.ATLoss(PAIR, mode="code"))
factor_transfer_loss = two_tensors(
    lambda: mid_level.FTLoss(p=1, paraphraser_path="layer", translator_path="layer")
)
activation_boundary_loss = two_tensors(
    lambda: mid_level.AltActTransferLoss(PAIR, margin=1.0, reduction="mean")
)
rkd_distance_loss = two_tensors(
    lambda: mid_level.RKDLoss("layer", "layer", dist_factor=1.0, angle_factor=0.0, reduction="mean")
)
rkd_angle_loss = two_tensors(
    lambda: mid_level.RKDLoss("layer", "layer", dist_factor=0.0, angle_factor=1.0, reduction="mean")
)
pkt_loss = two_tensors(lambda: mid_level.PKTLoss(**MODULES))
correlation_congruence_loss = two_tensors(
    lambda: mid_level.CCKDLoss(
        "layer", "layer", {"type": "gaussian", "gamma": 0.4, "max_p": 2}, reduction="batchmean"
    )
)
similarity_preserving_loss = two_tensors(lambda: mid_level.SPKDLoss("layer", "layer", reduction="batchmean"))
ickd_loss = two_tensors(lambda: mid_level.ChSimLoss(PAIR))


def hierarchical_context_loss(student, teacher):
    loss = mid_level.HierarchicalContextLoss(**MODULES)
    s, t = at_layer((student, None)), at_layer(teacher)
    return lambda: loss(s, t)


def prime_aware_loss(student, teacher, log_variance):
    loss = mid_level.PADL2Loss("layer", "layer")
    s = at_layer(student) | {"var_estimator": {"output": log_variance}}
    t = at_layer(teacher)
    return lambda: loss(s, t)


def vid_loss(mean, teacher, raw_scale):
    """Its loss is handed the variance, which its module makes as is done here."""
    loss, t = mid_level.VIDLoss(PAIR), at_layer(teacher)

    def value():
        variance = F.softplus(raw_scale) + 1e-5
        return loss(at_layer((mean, variance.view(1, -1, 1, 1))), t)

    return value


def fsp_loss(student_first, student_second, teacher_first, teacher_second):
    first, second = {"path": "first", "io": "output"}, {"path": "second", "io": "output"}
    sides = {"student_first": first, "student_second": second}
    loss = mid_level.FSPLoss({"pair": sides | {"teacher_first": first, "teacher_second": second}})
    s = {"first": {"output": student_first}, "second": {"output": student_second}}
    t = {"first": {"output": teacher_first}, "second": {"output": teacher_second}}
    return lambda: loss(s, t)


def contrastive_memory(
    student, teacher, w_s, b_s, w_t, b_t, places, negatives, bank_s, bank_t, temperature=0.07
):
    """It is handed normalised embeddings, which its modules make as is done here."""
    samples, width = bank_s.shape
    loss = mid_level.CRDLoss(
        "layer", "places", "layer", width, samples, negatives.shape[1], samples, temperature=temperature
    ).to(student.dtype)
    loss.memory_v1.copy_(bank_s)
    loss.memory_v2.copy_(bank_t)
    # It can be given the indices; the first of each row is the sample itself.
    chosen = {"pos_idx": places, "contrast_idx": torch.cat([places[:, None], negatives], dim=1)}

    def value():
        s = at_layer(F.normalize(F.linear(student, w_s, b_s))) | {"places": {"input": chosen}}
        return loss(s, at_layer(F.normalize(F.linear(teacher, w_t, b_t))))

    return value
