"""What `test_devices.py` runs on the pretended device: every net, every learned part, every function of the
rooms that is given tensors.

A net is (make, inputs); a function is put -> result, where `put` brings a tensor to the device. An exported
name that has no case must stand in ELSEWHERE, with the reason.
"""

import tempfile
from pathlib import Path

import torch
from torch import nn

from kdcourse import data, evaluation, losses, models, theory, training

G = torch.Generator


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=G().manual_seed(seed))


def near(t):
    return t


def below(high, *shape, seed=0):
    return torch.randint(high, shape, generator=G().manual_seed(seed))


LOGITS, OTHERS, LABELS = normal(6, 5), normal(6, 5, seed=1), below(5, 6)
MAPS, VECTORS = normal(4, 8, 6, 4), normal(6, 8)
IMAGES = torch.rand(6, 1, 16, 16, generator=G().manual_seed(0))
EDGES = torch.tensor([[0, 1, 2, 3, 4], [1, 0, 3, 2, 5]])
TEXTS = torch.cat([below(9, 6, 6) + 1, torch.zeros(6, 2, dtype=torch.long)], dim=1)
BOXES = torch.tensor([[2.0, 2.0, 14.0, 14.0], [10.0, 12.0, 30.0, 28.0]]).expand(2, 2, 4)
KINDS = torch.tensor([[0, 3], [1, -1]])


def split_net():
    return models.SplitNet(nn.Linear(8, 4), nn.Linear(4, 8), nn.Linear(8, 5))


def sliced_net():
    return models.WidthSlicedNet(lambda *widths: models.mlp(8, *widths, 5), (4, 4), (8, 8))


def branches():
    trunk = nn.Conv2d(8, 4, 3)
    tails = [nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)) for _ in range(2)]
    return models.MultiBranchNet(trunk, tails, models.ONEGate(4, 2))


def staged(part):
    return models.StagedNet({"first": part}, nn.Sequential(nn.Flatten(), nn.LazyLinear(5)))


NETS = {
    "StagedNet": (lambda: models.StagedNet({"a": nn.Linear(8, 4)}, nn.Linear(4, 5)), (VECTORS,)),
    "cifar_resnet": (lambda: models.cifar_resnet(8, channels=1), (IMAGES,)),
    "mlp": (lambda: models.mlp(256, 8, 5), (IMAGES,)),
    "small_cnn": (lambda: models.small_cnn(size=16), (IMAGES,)),
    "WidthSlicedNet": (sliced_net, (VECTORS,)),
    "exit_mlp": (lambda: models.exit_mlp(256, 8, 6, 5), (IMAGES,)),
    "UNet": (lambda: models.UNet(1, 3, width=4), (IMAGES,)),
    "PatchNet": (lambda: models.PatchNet(noise_size=6), (normal(5, 10),)),
    "SplitNet": (split_net, (VECTORS,)),
    "small_detector": (models.small_detector, (IMAGES,)),
    "SequenceNet": (lambda: models.SequenceNet(10, 8, width=8, heads=2), (TEXTS,)),
    "EncoderLayer": (lambda: models.EncoderLayer(8, 2), (normal(6, 8, 8), TEXTS > 0)),
    "GraphNet": (lambda: models.GraphNet(8, 6, 5), (VECTORS, EDGES)),
    "GraphConv": (lambda: models.GraphConv(8, 6), (VECTORS, EDGES)),
    "tiny_vit": (models.tiny_vit, (IMAGES,)),
    "tiny_vit, sinusoidal": (lambda: models.tiny_vit(position="sinusoidal"), (IMAGES,)),
    "tiny_vit, absolute": (lambda: models.tiny_vit(position="absolute"), (IMAGES,)),
    "MBConv": (lambda: models.MBConv(8), (MAPS,)),
    "WindowAttention": (lambda: models.WindowAttention(8, 2, 4), (MAPS,)),
    "TinyViTBlock": (lambda: models.TinyViTBlock(8, 2, 4), (MAPS,)),
    "PositionEmbedding": (lambda: models.PositionEmbedding(8, 6, 4, "absolute"), (MAPS,)),
    "efficient_vit": (models.efficient_vit, (IMAGES,)),
    "CascadedGroupAttention": (lambda: models.CascadedGroupAttention(8, 2, 4), (MAPS,)),
    "EfficientViTBlock": (lambda: models.EfficientViTBlock(8, 2, 4), (MAPS,)),
    "conv_regressor": (lambda: models.conv_regressor(8, 5, batch_norm=True, relu=True), (MAPS,)),
    "linear_regressor": (lambda: models.linear_regressor(8 * 6 * 4, 5), (MAPS,)),
    "projector": (lambda: models.projector("mlp", 8, 5), (VECTORS,)),
    "Paraphraser": (lambda: models.Paraphraser(8), (MAPS,)),
    "Translator": (lambda: models.Translator(8, 4), (MAPS,)),
    "FeatureAutoEncoder": (lambda: models.FeatureAutoEncoder(8, 4), (MAPS,)),
    "VIDHead": (lambda: models.VIDHead(8, 6), (MAPS,)),
    "PrimeAwareHead": (lambda: models.PrimeAwareHead(8, 6), (VECTORS,)),
    "ReviewFusion": (lambda: models.ReviewFusion(8, 4, 6), (MAPS, normal(4, 4, 3, 2))),
    "KnowledgeReview": (
        lambda: models.KnowledgeReview([8, 6], [5, 5], 4),
        ([MAPS, normal(4, 6, 3, 2)],),
    ),
    "ContrastiveMemory": (
        lambda: models.ContrastiveMemory(9, 8, 5, embedding_dim=4, negatives=3),
        (VECTORS, LOGITS, torch.arange(6), below(9, 6, 3)),
    ),
    "InBatchContrast": (lambda: models.InBatchContrast(8, 5, 4), (VECTORS, LOGITS)),
    "ONEGate": (lambda: models.ONEGate(8, 3), (MAPS,)),
    "MultiBranchNet": (branches, (MAPS,)),
    "ScoreMapCritic": (lambda: models.ScoreMapCritic(8), (normal(2, 8, 16, 16),)),
    "SpectralConv2d": (lambda: models.SpectralConv2d(8, 4, 3), (MAPS,)),
    "Teacher": (lambda: training.Teacher(models.mlp(8, 4, 5)), (VECTORS,)),
    "SeedStack": (
        lambda: training.SeedStack(lambda: models.small_cnn(size=16), [0, 1, 2]),
        (IMAGES.expand(3, 6, 1, 16, 16),),
    ),
    "SeedStack of tiny_vit": (
        lambda: training.SeedStack(models.tiny_vit, [0, 1]),
        (IMAGES.expand(2, 6, 1, 16, 16),),
    ),
}


def net_on(put, make):
    torch.manual_seed(0)
    net = make()
    device = put(torch.zeros(1)).device
    return net if device.type == "cpu" else net.to(device)


def detections(put):
    net = net_on(put, lambda: models.small_detector(bins=8))
    found = net.eval()(put(torch.rand(2, 1, 32, 32, generator=G().manual_seed(0))))
    places = models.grid_places(32, 32, 4, found.classes.device)
    return [entry["boxes"] for entry in models.found_boxes(found, places)]


def sparse(put):
    values, indices = losses.sparse_soft_targets(put(LOGITS), 3)
    return losses.densify_soft_targets(values, indices, 5), indices


def gradient_of_inputs(put):
    return losses.input_gradient(net_on(put, lambda: models.mlp(8, 6, 5)), put(VECTORS), put(LABELS))


def trained(make, objective, *tensors, seeds=0, **options):
    """A few steps of `fit` in batches of 4."""

    def run(put):
        net = net_on(put, make)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        batches = training.Batches(*map(put, tensors), batch_size=4, seeds=seeds)
        found = training.fit(net, objective, batches, steps=5, optimizer=optimizer, progress=False, **options)
        return found, *(p.detach() for p in net.parameters())

    return run


def augmented(put):
    net = net_on(put, sliced_net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    objective = training.network_augmentation([(4, 6), (6, 8)])
    batches = training.Batches(put(VECTORS), put(LABELS), batch_size=4, seeds=0)
    found = training.fit(net, objective, batches, steps=5, optimizer=optimizer, progress=False)
    training.sort_hidden(net, optimizer)
    return found, training.export_tiny(net)(put(VECTORS)).detach()


def calibrated(put):
    net = net_on(put, lambda: models.small_cnn(size=16))
    training.calibrate_batchnorm(net, [put(IMAGES), put(IMAGES)])
    return [buffer for buffer in net.buffers() if buffer.is_floating_point()]


def with_critic(put):
    net, critic = net_on(put, lambda: models.mlp(8, 6, 5)), net_on(put, lambda: models.mlp(5, 4, 1))

    def objective(model, critic, x):
        return losses.adversarial_loss(critic(model(x)))

    def critic_objective(model, critic, x):
        return losses.critic_hinge_loss(critic(model(x)), critic(x[:, :5]))

    batches = training.Batches(put(VECTORS), batch_size=4, seeds=0)
    return training.fit_with_critic(
        net, critic, objective, critic_objective, batches, steps=3, progress=False
    )


def best_kept(put):
    net = net_on(put, lambda: models.mlp(8, 6, 5))
    batches = training.Batches(put(VECTORS), put(LABELS), batch_size=4, seeds=0)

    def score(model):
        return evaluation.accuracy(model(put(VECTORS)), put(LABELS))

    best = training.fit_keeping_best(
        net, training.supervised(), batches, steps=4, look_every=2, score=score, progress=False
    )
    return best.scores, best.steps


def boxes_precision(put):
    found = [
        {"boxes": put(b), "scores": put(torch.tensor([0.9, 0.4])), "labels": put(KINDS[0])} for b in BOXES
    ]
    truth = [{"boxes": put(b), "labels": put(KINDS[0])} for b in BOXES]
    return torch.tensor(list(evaluation.average_precision(found, truth).values()))


def self_distilled(put):
    gram = VECTORS @ VECTORS.T + 0.1 * torch.eye(6)
    rounds = theory.kernel_self_distillation(put(gram), put(LOGITS[:, 0]), rounds=2, penalty=0.1)
    return [x for x in rounds if isinstance(x, torch.Tensor)]


def bound(put):
    terms = theory.distillation_bound(
        put(LOGITS), put(LABELS), put(LOGITS), put(OTHERS), complexity=0.01, gamma=1.0
    )
    return torch.tensor([float(x) for x in terms])


def stored(put):
    """Batches of a store that was opened with images on the device."""
    recipe, teacher = data.SeededAffine(), net_on(near, lambda: models.mlp(256, 6, 5)).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels"
        training.write_soft_labels(path, IMAGES, teacher, recipe, epochs=1, kept=3, progress=False)
        store = training.SoftLabelStore(path, put(IMAGES), recipe)
        found = [*store.batch(0, put(torch.arange(4))), *store.batches(batch_size=4, seeds=0)(0)]
        del store  # Windows keeps a mapped file
    return found


FUNCTIONS = {
    # losses that `tests/losses/cases_*.py` leave out
    "attention_map": lambda put: losses.attention_map(put(MAPS)),
    "fsp_matrix": lambda put: losses.fsp_matrix(put(MAPS), put(MAPS)),
    "adversarial_loss": lambda put: losses.adversarial_loss(put(LOGITS)),
    "critic_hinge_loss": lambda put: losses.critic_hinge_loss(put(LOGITS), put(OTHERS)),
    "confidence_weights": lambda put: losses.confidence_weights(put(LOGITS)),
    "ensemble_soft_targets": lambda put: losses.ensemble_soft_targets(put(torch.stack([LOGITS, OTHERS]))),
    "sparse_soft_targets": sparse,
    "densify_soft_targets": sparse,
    "input_gradient": gradient_of_inputs,
    "permuted_soft_targets": lambda put: losses.permuted_soft_targets(
        put(LOGITS), generator=G().manual_seed(0)
    ),
    # models
    "smoothed_relu": lambda put: models.smoothed_relu(put(LOGITS)),
    "quantize": lambda put: models.quantize(put(LOGITS), 4),
    "grid_places": lambda put: models.grid_places(4, 6, 4, put(LOGITS).device),
    "assign_boxes": lambda put: models.assign_boxes(
        put(KINDS), put(BOXES), put(models.grid_places(8, 8, 4)), 5
    ),
    "edge_distances": lambda put: models.edge_distances(put(normal(2, 4, 4, 3))),
    "boxes_from_edges": lambda put: models.boxes_from_edges(
        put(models.grid_places(2, 2, 4)), put(normal(2, 2, 4))
    ),
    "found_boxes": detections,
    "noise_contrastive_loss": lambda put: models.noise_contrastive_loss(
        put(LOGITS[:, 0]), put(LOGITS), log_partition=put(torch.tensor(1.0)), num_samples=9
    ),
    # training
    "fit": trained(lambda: models.mlp(8, 6, 5), training.supervised(), VECTORS, LABELS),
    "distillation": trained(lambda: models.mlp(8, 6, 5), training.distillation(), VECTORS, LOGITS, LABELS),
    "fit, SeedStack": trained(
        lambda: training.SeedStack(lambda: models.mlp(8, 6, 5), [0, 1]),
        training.distillation(),
        *(t.expand(2, *t.shape) for t in (VECTORS, LOGITS, LABELS)),
        seeds=[0, 1],
    ),
    "stored_distillation": trained(
        lambda: models.mlp(8, 6, 5),
        training.stored_distillation(),
        VECTORS,
        *losses.sparse_soft_targets(LOGITS, 3),
    ),
    "network_augmentation": augmented,
    "calibrate_batchnorm": calibrated,
    "fit_with_critic": with_critic,
    "fit_keeping_best": best_kept,
    "SoftLabelStore": stored,
    # evaluation
    "predict": lambda put: evaluation.predict(
        net_on(put, lambda: models.mlp(8, 4, 5)), put(VECTORS), batch_size=4
    ),
    "Batches": lambda put: training.Batches(put(VECTORS), batch_size=4, seeds=0)(1),
    "accuracy": lambda put: evaluation.accuracy(put(LOGITS), put(LABELS)),
    "expected_calibration_error": lambda put: evaluation.expected_calibration_error(put(LOGITS), put(LABELS)),
    "average_precision": boxes_precision,
    "mean_iou": lambda put: evaluation.mean_iou(put(normal(2, 3, 6, 6)), put(below(3, 2, 6, 6))),
    "boundary_iou": lambda put: evaluation.boundary_iou(put(normal(2, 3, 6, 6)), put(below(3, 2, 6, 6))),
    "frechet_distance": lambda put: torch.tensor(
        evaluation.frechet_distance(put(normal(30, 3)), put(normal(30, 3, seed=1)))
    ),
    "multiply_adds": lambda put: torch.tensor(
        evaluation.multiply_adds(net_on(put, lambda: models.small_cnn(size=16)), put(IMAGES))
    ),
    "linear_probe": lambda put: torch.tensor(
        evaluation.linear_probe(put(VECTORS), put(LABELS), put(VECTORS), put(LABELS))
    ),
    "few_shot_accuracy": lambda put: evaluation.few_shot_accuracy(
        put(normal(60, 4)), put(torch.arange(60) % 3), ways=3, shots=2, queries=3, episodes=4
    ),
    "mean_interval": lambda put: torch.tensor(evaluation.mean_interval(put(VECTORS[:, 0])).mean),
    "paired_difference": lambda put: torch.tensor(
        evaluation.paired_difference(put(VECTORS[:, 0]), put(VECTORS[:, 1])).low
    ),
    # theory
    "empirical_risk": lambda put: theory.empirical_risk(put(LOGITS), put(LABELS)),
    "bayes_distilled_risk": lambda put: theory.bayes_distilled_risk(put(LOGITS.softmax(1)), put(OTHERS)),
    "distillation_error": lambda put: theory.distillation_error(
        put(LOGITS), put(OTHERS), put(LABELS), gamma=1.0
    ),
    "linear_complexity": lambda put: torch.tensor(
        theory.linear_complexity(put(VECTORS), 2.0, gamma=0.5, classes=5)
    ),
    "distillation_bound": bound,
    "empirical_ntk": lambda put: theory.empirical_ntk(net_on(put, lambda: models.mlp(8, 6, 5)), put(VECTORS)),
    "relu_ntk": lambda put: theory.relu_ntk(put(VECTORS), put(VECTORS[:3]), depth=3),
    "relu_nngp": lambda put: theory.relu_nngp(put(VECTORS), put(VECTORS[:3]), depth=3),
    "principal_angle": lambda put: theory.principal_angle(put(LOGITS[0]), put(LOGITS[1])),
    "linear_student": lambda put: theory.linear_student(put(VECTORS[0]), put(VECTORS[1:4])),
    "kernel_self_distillation": self_distilled,
    # data
    "random_affine": lambda put: data.random_affine(put(IMAGES), generator=G().manual_seed(0)),
    "random_flip_shift": lambda put: data.random_flip_shift(put(IMAGES), generator=G().manual_seed(0)),
    "uniform_from_seeds": lambda put: data.uniform_from_seeds(put(torch.arange(4)), 3),
    "replace_labels": lambda put: data.replace_labels(put(LABELS), 0.5, classes=5, seed=0),
    "SeededAffine": lambda put: data.SeededAffine()(put(IMAGES), put(torch.arange(6))),
}

# Exported functions and modules that have no case above, by the reason.
ELSEWHERE = {
    "MultiExitNet": "made by exit_mlp",
    "count_parameters": "numbers only",
    "payload_bytes": "numbers only",
    "export_tiny": "in network_augmentation",
    "sort_hidden": "in network_augmentation",
    "for_each_seed": "in the objectives",
    "supervised": "in fit",
    "seeded": "in SeedStack",
    "warmup_cosine": "numbers only",
    "save_checkpoint": "tests/training/test_checkpoints.py",
    "load_checkpoint": "tests/training/test_checkpoints.py",
    "write_soft_labels": "asks in threads, which know nothing of the pretended device",
    "audit_soft_labels": "the teacher's answers are brought to the CPU first",
    **dict.fromkeys(["gap_closed", "holm", "paired_p_value", "ranks", "friedman", "rank_p_values"], "NumPy"),
    **dict.fromkeys(
        [
            "draw_block_model",
            "draw_gaussians",
            "draw_multi_view",
            "draw_outlines",
            "draw_scenes",
            "draw_sequences",
            "draw_shape_grid",
            "draw_shapes",
            "load_cifar10",
            "load_digits",
            "split_digits",
            "augmented_pool",
            "stack_sets",
        ],
        "data are drawn on the CPU and brought to a device by the caller",
    ),
}
