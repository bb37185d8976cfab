"""Contrastive distillation with a memory: value, gradients, what is remembered, negatives."""

import math

import pytest
import torch
from torch.func import functional_call, stack_module_state, vmap

from kdcourse.models import ContrastiveMemory, contrastive

SAMPLES, STUDENT, TEACHER, EMBEDDING, NEGATIVES, BATCH = 12, 4, 5, 3, 6, 3


def memory(seed=0, **options):
    torch.manual_seed(seed)
    options = {"embedding_dim": EMBEDDING, "negatives": NEGATIVES} | options
    return ContrastiveMemory(SAMPLES, STUDENT, TEACHER, **options).double()


def batch(seed=0, samples=SAMPLES, size=BATCH):
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(size, STUDENT, generator=generator, dtype=torch.float64)
    teacher = torch.randn(size, TEACHER, generator=generator, dtype=torch.float64)
    return student, teacher, torch.randperm(samples, generator=generator)[:size]


def settled(**options):
    """A memory that has seen a batch (Z is known, the banks have moved), in evaluation mode."""
    part = memory(**options)
    part.train()(*batch(seed=7))
    return part.eval()


@pytest.fixture(params=["whole bank", "gathered"])
def way(request, monkeypatch):
    """Both ways of getting the same inner products."""
    monkeypatch.setattr(contrastive, "DENSE_ADVANTAGE", 1e9 if request.param == "whole bank" else 0)


# ---------------------------------------------------------------- the loss, one number at a time


def loop_embedding(head, feature):
    row = [
        sum(w * x for w, x in zip(weights, feature, strict=True)) + b
        for weights, b in zip(head.weight.tolist(), head.bias.tolist(), strict=True)
    ]
    norm = math.sqrt(sum(x * x for x in row))
    return [x / norm for x in row]


def loop_direction(anchors, bank, places, negatives, temperature, z=None):
    n, k = len(bank), len(negatives[0])
    weights = []  # exp(cosine / T), the positive first
    for anchor, place, others in zip(anchors, places, negatives, strict=True):
        rows = [bank[i] for i in (place, *others)]
        weights.append([math.exp(sum(a * b for a, b in zip(anchor, row)) / temperature) for row in rows])
    if z is None:
        z = n * sum(map(sum, weights)) / (len(anchors) * (k + 1))
    total = 0.0
    for positive, *rest in weights:
        total -= math.log((positive / z) / (positive / z + k / n))
        total -= sum(math.log((k / n) / (w / z + k / n)) for w in rest)
    return total / len(anchors), z


def loop_crd(part, student, teacher, places, negatives, z=(None, None)):
    anchors = [loop_embedding(part.student_head, row) for row in student.tolist()]
    others = [loop_embedding(part.teacher_head, row) for row in teacher.tolist()]
    rest = places.tolist(), negatives.tolist(), part.temperature
    first, z_first = loop_direction(anchors, part.teacher_bank.tolist(), *rest, z[0])
    second, z_second = loop_direction(others, part.student_bank.tolist(), *rest, z[1])
    return first + second, (z_first, z_second)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_value_agrees_with_a_plain_loop(way, temperature):
    part = memory(temperature=temperature).train()
    z = (None, None)
    for step in range(3):  # Z from the first batch, the banks as they move
        student, teacher, places = batch(seed=step)
        negatives = part.draw_negatives(places)
        expected, z = loop_crd(part, student, teacher, places, negatives, z)
        assert part(student, teacher, places, negatives).item() == pytest.approx(expected, rel=1e-10)
        torch.testing.assert_close(part.log_partition.exp(), torch.tensor(z, dtype=torch.float64))


def test_both_ways_to_multiply_agree():
    part, inputs = settled(), batch()
    negatives = part.draw_negatives(inputs[2])
    values = []
    for advantage in (1e9, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(contrastive, "DENSE_ADVANTAGE", advantage)
            student = inputs[0].clone().requires_grad_()
            loss = part(student, *inputs[1:], negatives)
            values.append((loss.detach(), *torch.autograd.grad(loss, (student, *part.parameters()))))
    for one, other in zip(*values, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("samples", "gathers"), [(64 * 3, False), (64 * 3 + 1, True)])
def test_the_bank_is_multiplied_whole_where_it_is_small(samples, gathers, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "index_select", lambda *args: pytest.fail("gathered"))
    part = ContrastiveMemory(samples, 2, 2, embedding_dim=2, negatives=2).eval()
    arguments = torch.randn(2, 2), torch.randn(2, 2), torch.tensor([0, 1])
    if gathers:
        with pytest.raises(pytest.fail.Exception, match="gathered"):
            part(*arguments)
    else:
        assert part(*arguments).isfinite()


def test_the_loss_tells_the_positive():
    """Small where every student stands with its own teacher and apart from the others, large where not."""
    part = settled(temperature=0.1)
    with torch.no_grad():
        for head, size in ((part.student_head, STUDENT), (part.teacher_head, TEACHER)):
            head.weight.copy_(torch.eye(EMBEDDING, size))
            head.bias.zero_()
        for bank in (part.student_bank, part.teacher_bank):
            bank.zero_()
            bank[:, 0] = -1.0
            bank[:3] = torch.eye(3)
    places, negatives = torch.arange(3), torch.arange(3, 9).expand(3, 6)
    right = part(torch.eye(3, 4).double(), torch.eye(3, 5).double(), places, negatives)
    wrong = part(torch.eye(3, 4).double().roll(1, 0), torch.eye(3, 5).double(), places, negatives)
    assert right < wrong - 1


# ---------------------------------------------------------------- gradients


def test_gradient_agrees_with_finite_differences(way):
    part, (student, teacher, places) = settled(temperature=0.5), batch()
    negatives = part.draw_negatives(places)
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda s: part(s, teacher, places, negatives), student)
    weight = part.teacher_head.weight.detach().clone().requires_grad_()

    def by_weight(weight):
        return functional_call(
            part, {"teacher_head.weight": weight}, (student.detach(), teacher, places, negatives)
        )

    assert torch.autograd.gradcheck(by_weight, weight)


def test_gradient_in_training_is_that_before_the_memory_moves(way):
    """The update comes after the loss, and before the backward pass."""
    part, (student, teacher, places) = settled(momentum=0.0), batch()
    negatives = part.draw_negatives(places)
    gradients = []
    for training in (False, True):
        leaf = student.clone().requires_grad_()
        loss = part.train(training)(leaf, teacher, places, negatives)
        gradients.append(torch.autograd.grad(3 * loss, (leaf, *part.parameters())))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0)


def test_the_normaliser_is_a_constant_in_its_first_batch_too(way):
    part, (student, teacher, places) = memory().train(), batch()
    negatives, twin = part.draw_negatives(places), memory().train()
    student.requires_grad_()
    gradient = torch.autograd.grad(part(student, teacher, places, negatives), student)[0]
    twin.log_partition.copy_(part.log_partition)
    again = torch.autograd.grad(twin(student, teacher, places, negatives), student)[0]
    torch.testing.assert_close(gradient, again, rtol=1e-10, atol=0)


def test_who_is_trained():
    part, (student, teacher, places) = memory().train(), batch()
    student.requires_grad_()
    teacher.requires_grad_()
    part(student, teacher, places).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None
    assert all(p.grad.abs().sum() > 0 for p in part.parameters()), "the teacher's head learns too"
    assert {name for name, _ in part.named_parameters()} == {
        f"{side}_head.{leaf}" for side in ("student", "teacher") for leaf in ("weight", "bias")
    }


def test_each_term_trains_one_side():
    """The other side of each is a memory: what the student says leaves the teacher's head alone."""
    part, (student, teacher, places) = settled(), batch()
    negatives = part.draw_negatives(places)
    gradients = []
    for s in (student, -student):
        loss = part(s, teacher, places, negatives)
        gradients.append(torch.autograd.grad(loss, part.teacher_head.weight)[0])
    assert torch.equal(*gradients)


def test_without_gradient_the_value_is_the_same(monkeypatch):
    part, inputs = settled(), batch()
    negatives = part.draw_negatives(inputs[2])
    with torch.no_grad(), monkeypatch.context() as patch:
        patch.setattr(contrastive, "grad_and_value", lambda *args, **kwargs: pytest.fail("wasted work"))
        quiet = part(*inputs, negatives)
    assert not quiet.requires_grad
    torch.testing.assert_close(part(*inputs, negatives).detach(), quiet, rtol=1e-14, atol=0)


# ---------------------------------------------------------------- the memory


def test_the_update_by_hand():
    part = memory(embedding_dim=2, momentum=0.75).train()
    with torch.no_grad():
        for head, size in ((part.student_head, STUDENT), (part.teacher_head, TEACHER)):
            head.weight.copy_(torch.eye(2, size))
            head.bias.zero_()
        part.student_bank[4] = torch.tensor([1.0, 0.0])
        part.teacher_bank[4] = torch.tensor([0.0, -1.0])
    before = part.student_bank.clone(), part.teacher_bank.clone()
    student, teacher = torch.zeros(1, STUDENT).double(), torch.zeros(1, TEACHER).double()
    student[0, 1], teacher[0, 0] = 5.0, 2.0  # embeddings (0, 1) and (1, 0)
    part(student, teacher, torch.tensor([4]))
    length = math.hypot(0.75, 0.25)
    expected = torch.tensor([[0.75, 0.25], [0.25, -0.75]], dtype=torch.float64) / length
    torch.testing.assert_close(torch.stack([part.student_bank[4], part.teacher_bank[4]]), expected)
    for bank, old in zip((part.student_bank, part.teacher_bank), before, strict=True):
        others = torch.arange(SAMPLES) != 4
        assert torch.equal(bank[others], old[others]), "only the rows of the batch move"


def test_the_memory_moves_in_training_only():
    part, inputs = memory().eval(), batch()
    before = {name: value.clone() for name, value in part.named_buffers()}
    assert part(*inputs).isfinite(), "Z of this batch, which is not kept"
    assert part.log_partition.isnan().all()
    assert all(torch.equal(part.get_buffer(name), before[name]) for name in ("student_bank", "teacher_bank"))
    part.train()(*inputs)
    known = part.log_partition.clone()
    assert known.isfinite().all()
    part(*batch(seed=1))
    assert torch.equal(part.log_partition, known), "Z is taken once"
    for name in ("student_bank", "teacher_bank"):
        assert not torch.equal(part.get_buffer(name), before[name])


def test_rows_are_unit_at_all_times():
    part = memory().train()
    for step in range(4):
        for bank in (part.student_bank, part.teacher_bank):
            torch.testing.assert_close(bank.norm(dim=1), torch.ones(SAMPLES).double())
        part(*batch(seed=step))
    assert not part.student_bank.requires_grad


def test_a_sample_twice_in_a_batch_leaves_one_of_its_updates():
    part, (student, teacher, _) = memory(momentum=0.0).train(), batch()
    part(student, teacher, torch.tensor([5, 2, 5]))
    embeddings = [loop_embedding(part.student_head, row) for row in student.tolist()]
    row = part.student_bank[5].tolist()
    assert any(row == pytest.approx(embeddings[i]) for i in (0, 2))
    assert part.student_bank[2].tolist() == pytest.approx(embeddings[1])


def test_defaults():
    part = ContrastiveMemory(10, 3, 4)
    assert (part.negatives, part.temperature, part.momentum) == (4096, 0.07, 0.5)
    assert part.student_bank.shape == part.teacher_bank.shape == (10, 128)
    with pytest.raises(TypeError, match="positional"):
        ContrastiveMemory(10, 3, 4, 128)


def test_learning_brings_student_and_teacher_together():
    torch.manual_seed(0)
    teacher = torch.randn(SAMPLES, TEACHER, dtype=torch.float64)
    student = torch.nn.Parameter(torch.randn(SAMPLES, STUDENT, dtype=torch.float64))
    part, places = memory(negatives=8, temperature=0.2).train(), torch.arange(SAMPLES)
    optimizer = torch.optim.Adam([student, *part.parameters()], lr=0.02)
    for _ in range(200):
        loss = part(student, teacher, places)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    cosines = part.student_bank @ part.teacher_bank.T
    assert (cosines.argmax(dim=1) == places).double().mean() > 0.9


# ---------------------------------------------------------------- negatives


def test_peer_defect_03_negatives_need_not_be_given():
    """A port of the method stops for want of a sampler; ours draws by itself, and a sample is never its own
    negative."""
    part, (student, teacher, places) = memory().train(), batch()
    part(student, teacher, places).backward()
    everyone = torch.arange(SAMPLES)
    drawn = memory(negatives=3000).draw_negatives(everyone)
    assert drawn.shape == (SAMPLES, 3000) and drawn.dtype == torch.int64
    counts = torch.stack([row.bincount(minlength=SAMPLES) for row in drawn])
    assert not counts.diagonal().any(), "own place"
    others = counts[~torch.eye(SAMPLES, dtype=torch.bool)].double()
    expected = 3000 / (SAMPLES - 1)
    assert others.sum() == SAMPLES * 3000 and (others - expected).abs().max() < 6 * expected**0.5


def test_with_two_samples_the_negative_is_the_other():
    part = ContrastiveMemory(2, 3, 3, embedding_dim=2, negatives=5)
    assert part.draw_negatives(torch.tensor([0, 1])).tolist() == [[1] * 5, [0] * 5]


def test_a_generator_determines_the_negatives():
    part, (student, teacher, places) = settled(), batch()

    def draw(seed):
        return torch.Generator().manual_seed(seed)

    assert torch.equal(part.draw_negatives(places, draw(1)), part.draw_negatives(places, draw(1)))
    assert not torch.equal(part.draw_negatives(places, draw(1)), part.draw_negatives(places, draw(2)))
    losses = [part(student, teacher, places, generator=draw(seed)) for seed in (1, 1, 2)]
    assert torch.equal(losses[0], losses[1]) and not torch.equal(losses[0], losses[2])
    state = torch.get_rng_state()
    part(student, teacher, places, generator=draw(1))
    assert torch.equal(torch.get_rng_state(), state), "the global generator is left alone"


def test_given_negatives_may_be_any_number():
    part, (student, teacher, places) = settled(), batch()
    assert part(student, teacher, places, torch.tensor([[1], [2], [3]])).isfinite()


# ---------------------------------------------------------------- inputs of all kinds


def test_maps_are_flattened_and_types_kept():
    part = ContrastiveMemory(9, 8, 12, embedding_dim=3, negatives=4).eval()
    student, teacher, places = torch.randn(2, 2, 2, 2), torch.randn(2, 3, 1, 4), torch.tensor([0, 8])
    negatives = torch.ones(2, 4, dtype=torch.int64)
    loss = part(student, teacher, places, negatives)
    assert loss.shape == () and loss.dtype == torch.float32
    torch.testing.assert_close(loss, part(student.flatten(1), teacher.flatten(1), places, negatives))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = part(student.bfloat16(), teacher, places, negatives)
    assert half.dtype == torch.bfloat16 and half.item() == pytest.approx(loss.item(), rel=0.1)


def test_one_sample():
    part, (student, teacher, places) = memory().train(), batch(size=1)
    student.requires_grad_()
    part(student, teacher, places).backward()
    assert student.grad.isfinite().all()


def test_hard_features_are_harmless():
    """Zero, huge and equal rows; a zero embedding has no direction and gets no gradient."""
    part = memory().train()
    torch.nn.init.zeros_(part.student_head.bias)
    student = torch.zeros(4, STUDENT, dtype=torch.float64)
    student[1:] = torch.tensor([1e4, -1e4, 1e4, 0.0]).double()
    student.requires_grad_()
    loss = part(student, 1e4 * torch.ones(4, TEACHER).double(), torch.arange(4))
    loss.backward()
    assert loss.isfinite() and part.student_bank.isfinite().all()
    assert not student.grad[0].any() and student.grad.abs().max() < 1


def test_many_memories_at_once_with_batches_of_their_own():
    members = [memory(seed).train() for seed in range(3)]
    parameters, buffers = stack_module_state(members)
    student, teacher, places = (torch.stack(part) for part in zip(*(batch(seed=i) for i in range(3))))
    negatives = torch.stack([m.draw_negatives(p) for m, p in zip(members, places, strict=True)])
    student.requires_grad_()

    def call(state, *arguments):
        return functional_call(members[0], state, arguments)

    together = vmap(call)({**parameters, **buffers}, student, teacher, places, negatives)
    gradient = torch.autograd.grad(together.sum(), student)[0]
    for i, member in enumerate(members):
        leaf = student[i].detach().requires_grad_()
        alone = member(leaf, teacher[i], places[i], negatives[i])
        torch.testing.assert_close(together[i], alone)
        torch.testing.assert_close(gradient[i], torch.autograd.grad(alone, leaf)[0])
        for name, value in member.named_buffers():
            torch.testing.assert_close(buffers[name][i], value)
    drawn = vmap(call, randomness="different")({**parameters, **buffers}, student, teacher, places)
    assert drawn.shape == (3,) and drawn.isfinite().all()


def test_compiled():
    part, twin, (student, teacher, places) = settled(), settled(), batch()
    negatives = part.draw_negatives(places)
    compiled = torch.compile(twin.train(), fullgraph=True, backend="aot_eager")
    results = []
    for call in (part.train(), compiled):
        leaf = student.clone().requires_grad_()
        loss = call(leaf, teacher, places, negatives)
        results.append((loss.detach(), *torch.autograd.grad(loss, leaf)))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(twin.student_bank, part.student_bank)
