"""The losses that are measured, with their inputs and peers.

Shapes are those at which such losses are used on small images: maps (B, 64, 8, 8), the teacher's with 128
channels where the loss allows it; embeddings (B, 128); logits (B, 100); 4096 negatives from a memory of
50,000 samples.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdcourse import losses
from kdcourse.models.contrastive import ContrastiveMemory
from loss_bench import textbook_forms, torchdistill_forms

PEERS = ("torchdistill", "textbook")
CLASSES, WIDTH, CHANNELS, SIDE = 100, 128, 64, 8
SAMPLES, NEGATIVES = 50_000, 4096

# A prepared loss takes no arguments, so that what surrounds it stays out of the measurement.
Prepare = Callable[..., Callable[[], Tensor]]


@dataclass(frozen=True)
class Peer:
    """Another form of a loss.

    Attributes:
        prepare: from the arguments of our loss to a loss without arguments.
        relation: what `measure.agreement` must find: "equal", "nearly", "factor" or "other".
        note: how it differs from ours.
    """

    prepare: Prepare
    relation: str = "equal"
    note: str = ""


@dataclass(frozen=True)
class Case:
    """A loss to measure.

    Attributes:
        name: that of our function.
        kind: responses, features, relations or tasks.
        make: (batch, dtype) -> the arguments of our function; those that are trained require a gradient.
        peers: torchdistill and textbook, as far as there are.
        room: batch -> how many numbers the loss may need beyond a multiple of its inputs: B² or B·C²; None
            where no bound is promised.
        ours: how our function is called, where `name` alone does not say it.
        broadcasts: the textbook form makes a vector for every pair (or triple, or negative).
    """

    name: str
    kind: str
    make: Callable[[int, torch.dtype], tuple]
    peers: Mapping[str, Peer]
    room: Callable[[int], int] | None = lambda batch: 0
    ours: Prepare | None = field(default=None, repr=False)
    broadcasts: bool = False

    def prepare(self, form: str, arguments: tuple) -> Callable[[], Tensor]:
        """The loss of "ours" or of a peer, for these arguments."""
        if form != "ours":
            return self.peers[form].prepare(*arguments)
        if self.ours is not None:
            return self.ours(*arguments)
        return plain(getattr(losses, self.name))(*arguments)


def plain(function: Callable[..., Tensor]) -> Prepare:
    return lambda *arguments: lambda: function(*arguments)


def leaves(arguments: tuple) -> list[Tensor]:
    return [a for a in arguments if a.requires_grad]


def nbytes(arguments: tuple) -> int:
    return sum(a.nbytes for a in arguments)


def normal(*shape: int, seed: int, dtype: torch.dtype, trained: bool = False, scale: float = 1.0) -> Tensor:
    numbers = scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return numbers.to(dtype).requires_grad_(trained)


def integers(high: int, *shape: int) -> Tensor:
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(2))


def pair(*student: int, teacher: tuple[int, ...] = (), scale: float = 1.0):
    """Makes a student tensor and a teacher tensor of shape (B, *student), or (B, *teacher) if it differs."""

    def make(batch, dtype):
        return (
            normal(batch, *student, seed=0, dtype=dtype, trained=True, scale=scale),
            normal(batch, *(teacher or student), seed=1, dtype=dtype, scale=scale),
        )

    return make


logits = pair(CLASSES, scale=3.0)
maps = pair(CHANNELS, SIDE, SIDE)
uneven_maps = pair(CHANNELS, SIDE, SIDE, teacher=(2 * CHANNELS, SIDE, SIDE))
embeddings = pair(WIDTH)


def labelled(batch, dtype):
    return *logits(batch, dtype), integers(CLASSES, batch)


def embeddings_and_variance(batch, dtype):
    return *embeddings(batch, dtype), normal(batch, WIDTH, seed=2, dtype=dtype, trained=True)


def sparse(batch, dtype, k=10):
    student, teacher = logits(batch, dtype)
    return student, *teacher.softmax(dim=1).topk(k)


def maps_and_scales(batch, dtype):
    return *maps(batch, dtype), normal(CHANNELS, seed=2, dtype=dtype, trained=True)


def four_maps(batch, dtype):
    shape = batch, CHANNELS, SIDE, SIDE
    return tuple(normal(*shape, seed=seed, dtype=dtype, trained=seed < 2) for seed in range(4))


def graph(batch, dtype, neighbours=8):
    """Each node hears from `neighbours` others; neighbouring points, so that no share underflows."""
    edges = torch.stack([integers(batch, batch * neighbours), torch.arange(batch).repeat(neighbours)])
    return *pair(WIDTH, scale=0.1)(batch, dtype), edges


def several(count: int):
    """Logits of `count` nets or exits that learn, and labels."""

    def make(batch, dtype):
        trained = (normal(batch, CLASSES, seed=seed, dtype=dtype, trained=True) for seed in range(count))
        return *trained, integers(CLASSES, batch)

    return make


def boxes(batch, dtype):
    return *pair(4)(batch, dtype), normal(batch, 4, seed=2, dtype=dtype)


def weighted(batch, dtype):
    return *logits(batch, dtype), 1 + normal(CLASSES, seed=2, dtype=dtype).abs()


def segments(batch, dtype, classes=21):
    labels = integers(classes + 1, batch, 2 * SIDE, 2 * SIDE)
    return *pair(classes, 2 * SIDE, 2 * SIDE)(batch, dtype), labels.masked_fill(labels == classes, 255)


def scores(batch, dtype, heads=4, length=32):
    mask = torch.arange(length) < 1 + integers(length, batch, 1)
    return *pair(heads, length, length)(batch, dtype), mask.to(torch.int64)


def memories(batch, dtype):
    """Features, the two heads, the samples' places in the data set, those of the negatives, the memories."""
    heads = []
    for seed in (2, 3):
        heads.append(nn.Parameter(normal(WIDTH, WIDTH, seed=seed, dtype=dtype, scale=WIDTH**-0.5)))
        heads.append(nn.Parameter(normal(WIDTH, seed=10 + seed, dtype=dtype, scale=WIDTH**-0.5)))
    banks = (F.normalize(normal(SAMPLES, WIDTH, seed=seed, dtype=dtype)) for seed in (4, 5))
    return (
        *embeddings(batch, dtype),
        *heads,
        torch.arange(batch),
        integers(SAMPLES - batch, batch, NEGATIVES) + batch,
        *banks,
    )


def contrastive_memory(s, t, w_s, b_s, w_t, b_t, places, negatives, bank_s, bank_t):
    memory = ContrastiveMemory(SAMPLES, WIDTH, WIDTH, embedding_dim=WIDTH, negatives=NEGATIVES).to(s.dtype)
    memory.student_head.weight, memory.student_head.bias = w_s, b_s
    memory.teacher_head.weight, memory.teacher_head.bias = w_t, b_t
    memory.student_bank.copy_(bank_s)
    memory.teacher_bank.copy_(bank_t)
    return lambda: memory(s, t, places, negatives)


SAME = ("equal", "")


def case(name, kind, make, *, torchdistill=None, textbook=SAME, **options) -> Case:
    """A case whose peers are the functions of its name; for each, (relation, note). No `torchdistill`: it
    has no such loss."""
    peers = {"textbook": Peer(plain(getattr(textbook_forms, name)), *textbook)}
    if torchdistill is not None:
        peers["torchdistill"] = Peer(getattr(torchdistill_forms, name), *torchdistill)
    return Case(name, kind, make, peers, **options)


def pairs(batch: int) -> int:
    """A number for each pair of samples."""
    return batch**2


def channel_pairs(batch: int) -> int:
    """A number for each pair of channels in every sample; as many as for pairs of pixels here."""
    return batch * CHANNELS**2


CASES = [
    case("soft_cross_entropy", "responses", logits),
    case("soft_target_loss", "responses", logits, torchdistill=("factor", "drops T² without labels")),
    case("kd_loss", "responses", labelled, torchdistill=SAME),
    case("logit_matching_loss", "responses", logits),
    case(
        "standardized_soft_target_loss",
        "responses",
        logits,
        torchdistill=("factor", "drops T² without labels"),
    ),
    case("decoupled_kd_loss", "responses", labelled),
    case("dist_loss", "responses", logits, torchdistill=SAME),
    case(
        "prime_aware_loss",
        "responses",
        embeddings_and_variance,
        torchdistill=("nearly", "epsilon added to the variance"),
    ),
    case("generalized_jsd", "responses", logits),
    case("sparse_soft_cross_entropy", "responses", sparse),
    case("hint_loss", "features", maps, torchdistill=SAME),
    case("attention_transfer_loss", "features", uneven_maps, torchdistill=SAME),
    case("nst_loss", "features", maps, room=channel_pairs, broadcasts=True),
    case("factor_transfer_loss", "features", maps, torchdistill=SAME),
    case("activation_boundary_loss", "features", maps, torchdistill=("factor", "sum over all but the batch")),
    case("vid_loss", "features", maps_and_scales, torchdistill=SAME),
    case("hierarchical_context_loss", "features", maps, torchdistill=SAME),
    case("log_sum_loss", "features", embeddings),
    case(
        "fsp_loss",
        "relations",
        four_maps,
        torchdistill=("other", "norms of columns, not squared"),
        room=channel_pairs,
        broadcasts=True,
    ),
    case("rkd_distance_loss", "relations", embeddings, torchdistill=SAME, room=pairs, broadcasts=True),
    case("rkd_angle_loss", "relations", embeddings, torchdistill=SAME, room=pairs, broadcasts=True),
    case(
        "pkt_loss",
        "relations",
        embeddings,
        torchdistill=("factor", "mean over entries, not rows"),
        textbook=("nearly", "epsilon in the logarithm"),
        room=pairs,
    ),
    case(
        "correlation_congruence_loss",
        "relations",
        embeddings,
        torchdistill=("other", "norm not squared, rows not normalised"),
        room=pairs,
    ),
    case(
        "similarity_preserving_loss",
        "relations",
        uneven_maps,
        torchdistill=("other", "rows of unit L1 norm"),
        room=pairs,
    ),
    case("infonce_loss", "relations", embeddings, room=pairs),
    Case(
        "ContrastiveMemory",
        "relations",
        memories,
        {
            "torchdistill": Peer(
                torchdistill_forms.contrastive_memory, "nearly", "an epsilon for each negative"
            ),
            "textbook": Peer(textbook_forms.contrastive_memory, "nearly", "an epsilon for each negative"),
        },
        room=None,
        ours=contrastive_memory,
        broadcasts=True,
    ),
    case("ickd_loss", "relations", maps, torchdistill=("factor", "divided by B twice"), room=channel_pairs),
    case("local_structure_loss", "relations", graph, room=lambda batch: 8 * batch * WIDTH),
    case(
        "mutual_losses",
        "tasks",
        several(3),
        ours=lambda *nets: lambda: sum(losses.mutual_losses(list(nets[:-1]), nets[-1])),
    ),
    case(
        "self_distillation_loss",
        "tasks",
        several(4),
        ours=lambda *exits: lambda: losses.self_distillation_loss(list(exits[:-1]), exits[-1]),
    ),
    case("bounded_regression_loss", "tasks", boxes),
    case("localization_distillation_loss", "tasks", pair(4, 17)),
    case("class_weighted_soft_cross_entropy", "tasks", weighted),
    case("segmentation_kd_loss", "tasks", segments),
    case("pairwise_similarity_loss", "tasks", uneven_maps, room=channel_pairs),
    case("attention_score_loss", "tasks", scores),
]
