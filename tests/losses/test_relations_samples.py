"""Losses on relations between samples against the formulas: plain loops, sums by hand, invariances."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from largest_tensor import largest_tensor
from loss_tools import close, normal, orthogonal, raises, with_gradient

from kdcourse.losses import (
    correlation_congruence_loss,
    local_structure_loss,
    pkt_loss,
    rkd_distance_loss,
    similarity_preserving_loss,
)
from kdcourse.losses._numerics import gram

PAIRED = {
    "rkd_distance_loss": rkd_distance_loss,
    "pkt_loss": pkt_loss,
    "correlation_congruence_loss": correlation_congruence_loss,
    "similarity_preserving_loss": similarity_preserving_loss,
}
EDGES = torch.tensor([[0, 1, 2, 3, 3, 0, 1], [1, 0, 1, 1, 0, 2, 2]])  # node 3 has no incoming edge
ALL = PAIRED | {"local_structure_loss": lambda s, t: local_structure_loss(s, t, EDGES)}
every_pair = pytest.mark.parametrize("loss", PAIRED.values(), ids=PAIRED.keys())
every_loss = pytest.mark.parametrize("loss", ALL.values(), ids=ALL.keys())
some = settings(max_examples=25, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def example(batch=4, of_student=3, of_teacher=5, seed=0):
    return normal(batch, of_student, seed=seed), 2 * normal(batch, of_teacher, seed=seed + 1)


# ---------------------------------------------------------------- the formulas, one number at a time


def smooth_l1(u):
    return u * u / 2 if abs(u) <= 1 else abs(u) - 0.5


def distance(a, b):
    return math.sqrt(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)))


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def cosine(a, b):
    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


def relative_distances(rows):
    n = range(len(rows))
    distances = [[distance(rows[i], rows[j]) for j in n] for i in n]
    others = [distances[i][j] for i in n for j in n if i != j]
    mean = sum(others) / len(others)
    return [[d / mean for d in row] for row in distances]


def loop_rkd_distance(student, teacher):
    s, t = relative_distances(student), relative_distances(teacher)
    return sum(smooth_l1(a - b) for p, q in zip(s, t) for a, b in zip(p, q)) / len(student) ** 2


def neighbour_probabilities(rows):
    kernel = [[(cosine(a, b) + 1) / 2 for b in rows] for a in rows]
    return [[k / sum(row) for k in row] for row in kernel]


def loop_pkt(student, teacher):
    total = 0.0
    for q_row, p_row in zip(neighbour_probabilities(student), neighbour_probabilities(teacher)):
        total += sum(p * math.log(p / q) for p, q in zip(p_row, q_row))
    return total / len(student)


def loop_correlation_congruence(student, teacher, gamma=0.4, order=2):
    def kernel(a, b):
        powers = [
            (2 * gamma) ** p / math.factorial(p) * (cosine(a, b) ** p if p else 1) for p in range(order + 1)
        ]
        return math.exp(-2 * gamma) * sum(powers)

    n = range(len(student))
    errors = [(kernel(student[i], student[j]) - kernel(teacher[i], teacher[j])) ** 2 for i in n for j in n]
    return sum(errors) / len(errors)


def similarities(rows):
    matrix = [[dot(a, b) for b in rows] for a in rows]
    return [[g / math.sqrt(dot(row, row)) for g in row] for row in matrix]


def loop_similarity_preserving(student, teacher):
    s, t = similarities(student), similarities(teacher)
    return sum((a - b) ** 2 for p, q in zip(s, t) for a, b in zip(p, q)) / len(student) ** 2


def loop_local_structure(student, teacher, edges, sigma=1.0):
    total = 0.0
    for i in range(len(student)):
        sources = [j for j, destination in zip(*edges.tolist()) if destination == i]
        of_net = []
        for z in (student, teacher):
            kernel = [math.exp(-(distance(z[i], z[j]) ** 2) / (2 * sigma**2)) for j in sources]
            of_net.append([k / sum(kernel) for k in kernel])
        total += sum(p * math.log(p / q) for q, p in zip(*of_net))
    return total / len(student)


@pytest.mark.parametrize(("batch", "of_student", "of_teacher"), [(2, 3, 3), (3, 2, 5), (4, 6, 2), (6, 4, 4)])
def test_values_equal_the_loops(batch, of_student, of_teacher):
    student, teacher = example(batch, of_student, of_teacher, seed=batch)
    s, t = student.tolist(), teacher.tolist()
    expected = {
        "rkd_distance_loss": loop_rkd_distance(s, t),
        "pkt_loss": loop_pkt(s, t),
        "correlation_congruence_loss": loop_correlation_congruence(s, t),
        "similarity_preserving_loss": loop_similarity_preserving(s, t),
    }
    for name, value in expected.items():
        assert PAIRED[name](student, teacher).item() == pytest.approx(value, rel=1e-11, abs=1e-15), name


@pytest.mark.parametrize(("gamma", "order"), [(0.4, 1), (1.5, 2), (0.4, 3), (2.0, 7), (10.0, 4)])
def test_correlation_congruence_equals_the_loop(gamma, order):
    student, teacher = example()
    got = correlation_congruence_loss(student, teacher, gamma=gamma, order=order).item()
    expected = loop_correlation_congruence(student.tolist(), teacher.tolist(), gamma, order)
    assert got == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 5])
@pytest.mark.parametrize(
    "edges",
    [
        EDGES,
        torch.tensor([[0, 1, 2, 3, 1, 1], [3, 3, 3, 3, 0, 0]]),  # a loop at 3 and an edge twice
        torch.tensor([[1, 2], [0, 0]]),
    ],
)
def test_local_structure_equals_the_loop(edges, sigma):
    student, teacher = example()
    got = local_structure_loss(student, teacher, edges, sigma=sigma).item()
    expected = loop_local_structure(student.tolist(), teacher.tolist(), edges, sigma)
    assert got == pytest.approx(expected, rel=1e-11, abs=1e-15)


def test_rkd_distance_by_hand():
    # Distances 3, 4, 5 with mean 4, and 1, 1, 2 with mean 4/3.
    student = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]], dtype=torch.float64)
    teacher = torch.tensor([[0.0], [1.0], [-1.0]], dtype=torch.float64)
    expected = 2 * ((3 / 4 - 3 / 4) ** 2 / 2 + (1 - 3 / 4) ** 2 / 2 + (5 / 4 - 3 / 2) ** 2 / 2) / 9
    assert rkd_distance_loss(student, teacher).item() == pytest.approx(expected, rel=1e-14)
    # Distances 0, 6, 6 and 6, 0, 6: differences of 3/2, where the loss is linear.
    student = torch.tensor([[0.0], [0.0], [6.0]], dtype=torch.float64)
    teacher = torch.tensor([[0.0], [6.0], [0.0]], dtype=torch.float64)
    assert rkd_distance_loss(student, teacher).item() == pytest.approx(2 * (1 + 1) / 9, rel=1e-14)


def test_pkt_by_hand():
    # Cosines 0 and 0.6: K = [[1, 0.5], [0.5, 1]] and [[1, 0.8], [0.8, 1]], row sums 1.5 and 1.8.
    student = torch.tensor([[2.0, 0.0], [0.0, 5.0]], dtype=torch.float64)
    teacher = torch.tensor([[1.0, 0.0], [3.0, 4.0]], dtype=torch.float64)
    expected = 10 / 18 * math.log((10 / 18) / (10 / 15)) + 8 / 18 * math.log((8 / 18) / (5 / 15))
    assert pkt_loss(student, teacher).item() == pytest.approx(expected, rel=1e-13)


def test_correlation_congruence_by_hand():
    # Cosines 0 and 0.6; with γ = 1/2 the kernel is (1 + c + c²/2) / e.
    student = torch.tensor([[2.0, 0.0], [0.0, 5.0]], dtype=torch.float64)
    teacher = torch.tensor([[1.0, 0.0], [3.0, 4.0]], dtype=torch.float64)
    got = correlation_congruence_loss(student, teacher, gamma=0.5, order=2).item()
    assert got == pytest.approx(2 * ((0.6 + 0.18) / math.e) ** 2 / 4, rel=1e-13)


def test_similarity_preserving_by_hand():
    # G = [[1, 0], [0, 1]], and [[9, 12], [12, 16]] with rows (3, 4) / 5 after normalisation.
    student = torch.eye(2, dtype=torch.float64)
    teacher = torch.tensor([[3.0], [4.0]], dtype=torch.float64)
    rows = (1 - 0.6) ** 2 + 0.8**2 + 0.6**2 + (1 - 0.8) ** 2
    assert similarity_preserving_loss(student, teacher).item() == pytest.approx(rows / 4, rel=1e-13)


def test_local_structure_by_hand():
    # Into node 0: squared distances 2 and 4 times log 3 at σ² = 1 and 2: shares 3/4 and 1/4.
    student = torch.tensor([[0.0], [1.0], [-1.0]], dtype=torch.float64)
    teacher = torch.tensor([[0.0], [0.0], [math.sqrt(2 * math.log(3))]], dtype=torch.float64)
    edges = torch.tensor([[1, 2, 0], [0, 0, 1]])
    expected = (3 / 4 * math.log(3 / 2) + 1 / 4 * math.log(1 / 2)) / 3
    assert local_structure_loss(student, teacher, edges).item() == pytest.approx(expected, rel=1e-13)
    wider = local_structure_loss(student, math.sqrt(2) * teacher, edges, sigma=math.sqrt(2))
    assert wider.item() == pytest.approx(expected, rel=1e-13)
    twice = torch.tensor([[1, 1, 2], [0, 0, 0]])  # 3/7, 3/7, 1/7 against thirds
    expected = (6 / 7 * math.log(9 / 7) + 1 / 7 * math.log(3 / 7)) / 3
    assert local_structure_loss(student, teacher, twice).item() == pytest.approx(expected, rel=1e-13)


def test_defaults_are_the_documented_ones():
    student, teacher = example()
    explicit = correlation_congruence_loss(student, teacher, gamma=0.4, order=2)
    assert torch.equal(correlation_congruence_loss(student, teacher), explicit)
    explicit = local_structure_loss(student, teacher, EDGES, sigma=1.0)
    assert torch.equal(local_structure_loss(student, teacher, EDGES), explicit)


def test_options_are_keyword_only():
    student, teacher = example()
    with pytest.raises(TypeError, match="positional"):
        correlation_congruence_loss(student, teacher, 0.4)
    with pytest.raises(TypeError, match="positional"):
        local_structure_loss(student, teacher, EDGES, 1.0)


# ---------------------------------------------------------------- what changes nothing, and what does


def changed(a, b):
    return abs(a - b) > 1e-6


@some
@given(seeds)
@every_loss
def test_a_rotation_or_reflection_of_either_net_changes_nothing(loss, seed):
    student, teacher = example(seed=seed)
    value = loss(student, teacher)
    close(loss(student @ orthogonal(3, seed), teacher), value)
    close(loss(student, teacher @ orthogonal(5, seed)), value)


@some
@given(seeds, st.floats(0.01, 100))
@every_pair
def test_the_scale_of_either_net_does_not_matter(loss, seed, factor):
    student, teacher = example(seed=seed)
    value = loss(student, teacher)
    close(loss(factor * student, teacher), value)
    close(loss(student, factor * teacher), value)


@some
@given(seeds, st.floats(-10, 10))
def test_moving_either_net_matters_only_where_directions_count(seed, shift):
    student, teacher = example(seed=seed)
    moves = shift * normal(3, seed=seed + 2), shift * normal(5, seed=seed + 3)
    for name in ("rkd_distance_loss", "local_structure_loss"):
        value = ALL[name](student, teacher)
        close(ALL[name](student + moves[0], teacher), value)
        close(ALL[name](student, teacher + moves[1]), value)


@pytest.mark.parametrize("name", ["pkt_loss", "correlation_congruence_loss", "similarity_preserving_loss"])
def test_directions_change_when_embeddings_are_moved(name):
    student, teacher = example()
    assert changed(PAIRED[name](student + 1, teacher), PAIRED[name](student, teacher))
    assert changed(PAIRED[name](student, teacher + 1), PAIRED[name](student, teacher))


@some
@given(seeds, st.lists(st.floats(0.1, 10), min_size=4, max_size=4))
@pytest.mark.parametrize("loss", [pkt_loss, correlation_congruence_loss])
def test_each_row_may_have_a_scale_of_its_own(loss, seed, factors):
    student, teacher = example(seed=seed)
    factors = torch.tensor(factors, dtype=torch.float64)[:, None]
    close(loss(factors * student, teacher), loss(student, teacher))
    close(loss(student, factors * teacher), loss(student, teacher))


@pytest.mark.parametrize("name", ["rkd_distance_loss", "similarity_preserving_loss", "local_structure_loss"])
def test_the_scale_of_one_row_matters(name):
    """For similarity preservation too: it normalises the rows of the product, not the features."""
    student, teacher = example()
    factors = torch.tensor([[3.0], [1.0], [1.0], [1.0]])
    assert changed(ALL[name](factors * student, teacher), ALL[name](student, teacher))
    assert changed(ALL[name](student, factors * teacher), ALL[name](student, teacher))


@pytest.mark.parametrize("loss", [pkt_loss, correlation_congruence_loss])
def test_an_opposite_row_matters(loss):
    student, teacher = example()
    signs = torch.tensor([[-1.0], [1.0], [1.0], [1.0]])
    assert changed(loss(signs * student, teacher), loss(student, teacher))


@some
@given(seeds)
@every_pair
def test_the_order_of_the_samples_does_not_matter(loss, seed):
    student, teacher = example(batch=6, seed=seed)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    close(loss(student[order], teacher[order]), loss(student, teacher))


@every_loss
def test_which_sample_is_which_matters(loss):
    student, teacher = example()
    assert changed(loss(student[[1, 0, 2, 3]], teacher), loss(student, teacher))


@some
@given(seeds)
def test_nodes_may_be_numbered_and_edges_listed_in_any_order(seed):
    student, teacher = example(seed=seed)
    generator = torch.Generator().manual_seed(seed)
    order, listed = torch.randperm(4, generator=generator), torch.randperm(7, generator=generator)
    value = local_structure_loss(student, teacher, EDGES)
    close(local_structure_loss(student[order], teacher[order], order.argsort()[EDGES]), value)
    close(local_structure_loss(student, teacher, EDGES[:, listed]), value)


def test_edges_have_a_direction():
    student, teacher = example()
    value = local_structure_loss(student, teacher, EDGES)
    assert changed(local_structure_loss(student, teacher, EDGES.flip(0)), value)


def test_scaled_distances_need_a_scaled_sigma():
    student, teacher = example()
    value = local_structure_loss(student, teacher, EDGES, sigma=0.8)
    close(local_structure_loss(3 * student, 3 * teacher, EDGES, sigma=2.4), value)
    assert changed(local_structure_loss(3 * student, 3 * teacher, EDGES, sigma=0.8), value)


@pytest.mark.parametrize("name", ["pkt_loss", "local_structure_loss"])
def test_the_divergences_are_not_symmetric_and_not_negative(name):
    for seed in range(10):
        student, teacher = example(seed=seed)
        there, back = ALL[name](student, teacher), ALL[name](teacher, student)
        assert min(there, back) > 0
        assert abs(there - back) > 1e-4 * there


def test_maps_are_flattened():
    student, teacher = normal(4, 2, 3, 2), normal(4, 5, 2, 2, seed=1)
    value = similarity_preserving_loss(student, teacher)
    assert torch.equal(similarity_preserving_loss(student.flatten(1), teacher.flatten(1)), value)
    assert changed(similarity_preserving_loss(student.mean(dim=(2, 3)), teacher), value)


def test_a_high_order_approaches_the_gaussian_kernel():
    student, teacher = example()
    gaussian = [
        (-0.4 * torch.cdist(u, u).square()).exp()
        for u in (x / x.norm(dim=1, keepdim=True) for x in (student, teacher))
    ]
    limit = (gaussian[0] - gaussian[1]).square().mean()
    close(correlation_congruence_loss(student, teacher, order=20), limit)
    assert changed(correlation_congruence_loss(student, teacher, order=2), limit)


# ---------------------------------------------------------------- edge cases


@every_pair
def test_one_sample_says_nothing(loss):
    value, gradient = with_gradient(loss, *example(batch=1))
    assert abs(value) < 1e-15
    assert gradient.abs().max() < 1e-15


def test_two_distances_are_always_in_proportion():
    value, gradient = with_gradient(rkd_distance_loss, *example(batch=2))
    assert abs(value) < 1e-30 and gradient.abs().max() < 1e-15


def test_equal_embeddings_have_no_relative_distances():
    """All relative distances are 0, against 1 for each pair of the other net."""
    equal, corners = torch.ones(3, 4, dtype=torch.float64), torch.eye(3, dtype=torch.float64)
    for student, teacher in ((equal, corners), (corners, equal)):
        value, gradient = with_gradient(rkd_distance_loss, student, teacher)
        assert value.item() == pytest.approx(6 * 0.5 / 9)
        assert gradient.abs().max() < 1e-12
    value, gradient = with_gradient(rkd_distance_loss, equal, 2 * equal)
    assert value == 0 and not gradient.any()
    one_pair, _ = with_gradient(rkd_distance_loss, equal[:2], corners[:2])
    assert one_pair.item() == pytest.approx(2 * 0.5 / 4)


def test_the_mean_distance_is_differentiated():
    """Else the gradient would pull the embeddings together or apart; a scale-free loss does neither."""
    student, teacher = example()
    _, gradient = with_gradient(rkd_distance_loss, student, teacher)
    assert abs((gradient * student).sum()) < 1e-15 < gradient.abs().max()


def test_a_zero_row_has_no_direction():
    """Its cosines are 0: as if it stood at a right angle to all, itself included."""
    student = torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    teacher = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)
    value, gradient = with_gradient(pkt_loss, student, teacher)
    # K_t = [[1, 1/2], [1/2, 1]], K_s = [[1/2, 1/2], [1/2, 1]]
    expected = (2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(2 / 3)) / 2
    assert value.item() == pytest.approx(expected, rel=1e-13)
    assert gradient.isfinite().all() and not gradient[0].any()
    value, gradient = with_gradient(correlation_congruence_loss, student, teacher)
    assert value.item() == pytest.approx((math.exp(-0.8) * (0.8 + 0.32)) ** 2 / 4, rel=1e-13)
    assert gradient.isfinite().all() and not gradient[0].any()
    value, gradient = with_gradient(similarity_preserving_loss, student, teacher)
    assert value.item() == pytest.approx(1 / 4)
    assert gradient.isfinite().all() and not gradient[0].any()


def test_opposite_embeddings_of_the_teacher_add_nothing():
    # K_t = [[1, 0], [0, 1]], K_s = [[1, 1/2], [1/2, 1]]: log(1 / (2/3)) a row
    student, teacher = torch.eye(2, dtype=torch.float64), torch.tensor([[1.0], [-3.0]], dtype=torch.float64)
    value, gradient = with_gradient(pkt_loss, student, teacher)
    assert value.item() == pytest.approx(math.log(3 / 2), rel=1e-14)
    assert gradient.isfinite().all() and gradient.any()
    assert abs(pkt_loss(teacher, teacher)) < 1e-15


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_opposite_embeddings_of_the_student_cost_a_finite_price(dtype):
    # K_s = 0 is taken as 1e-7, its row sum as 1: 2/3 log(2/3) + 1/3 log(1e7 / 3) a row
    student = torch.tensor([[1.0, 0.0], [-3.0, 0.0]], dtype=dtype)
    value, gradient = with_gradient(pkt_loss, student, torch.eye(2, dtype=dtype))
    expected = 2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1e7 / 3)
    assert value.item() == pytest.approx(expected, rel=1e-6)
    assert gradient.isfinite().all()


def test_nearly_opposite_embeddings_are_exact_and_push_moderately():
    for angle in (1e-1, 1e-2, 1e-3, 7e-4, 1e-4, 1e-8):
        student = torch.tensor([[1.0, 0.0], [-math.cos(angle), math.sin(angle)]], dtype=torch.float64)
        value, gradient = with_gradient(pkt_loss, student, torch.eye(2, dtype=torch.float64))
        kernel = math.sin(angle / 2) ** 2
        exact = math.log(1 + kernel) + 2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3 / max(kernel, 1e-7))
        assert value.item() == pytest.approx(exact, rel=1e-9)
        assert gradient.abs().max() < 2000


def test_a_graph_without_edges_gives_zero_with_a_graph():
    none = torch.zeros(2, 0, dtype=torch.int64)
    value, gradient = with_gradient(lambda s, t: local_structure_loss(s, t, none), *example())
    assert value == 0 and not gradient.any() and gradient.shape == (4, 3)


def test_one_neighbour_is_certain():
    """Nodes with one incoming edge or none add 0 but count in the mean."""
    student, teacher = example()
    path = torch.tensor([[0, 1, 2], [1, 2, 3]])
    value, gradient = with_gradient(lambda s, t: local_structure_loss(s, t, path), student, teacher)
    assert value == 0 and not gradient.any()
    alone, more = torch.tensor([[1, 2], [0, 0]]), torch.cat([student, student])
    close(
        local_structure_loss(more, torch.cat([teacher, teacher]), alone),
        local_structure_loss(student, teacher, alone) / 2,
    )


def test_far_neighbours_cost_their_distance():
    """e^(-1e8) underflows, its logarithm does not."""
    student = torch.tensor([[0.0], [0.0], [1e4]])
    teacher = torch.tensor([[0.0], [1e4], [0.0]])
    edges = torch.tensor([[1, 2], [0, 0]])
    value, gradient = with_gradient(lambda s, t: local_structure_loss(s, t, edges), student, teacher)
    assert value.item() == pytest.approx(1e8 / 2 / 3)
    torch.testing.assert_close(gradient, torch.tensor([[-1e4 / 3], [0.0], [1e4 / 3]]))


def test_gradients_stay_exact_where_embeddings_are_close():
    """In float32, clusters of width 1e-5: the gradient is that of float64."""
    centres, spread = normal(4, 6).repeat(4, 1), 1e-5 * normal(16, 6, seed=1)
    student, teacher = (centres + spread).float(), normal(16, 5, seed=2).float()
    value, gradient = with_gradient(rkd_distance_loss, student, teacher)
    exact, exact_gradient = with_gradient(rkd_distance_loss, student.double(), teacher.double())
    assert value.item() == pytest.approx(exact.item(), rel=1e-6)
    torch.testing.assert_close(gradient.double(), exact_gradient, rtol=0, atol=1e-6 * exact_gradient.max())


@every_loss
def test_second_derivatives(loss):
    student, teacher = example()
    assert torch.autograd.gradgradcheck(lambda s: loss(s, teacher), student.requires_grad_())


def test_repeated_rows_have_second_derivatives_too():
    student, teacher = example()
    student[1] = student[0]
    student.requires_grad_()
    (gradient,) = torch.autograd.grad(rkd_distance_loss(student, teacher), student, create_graph=True)
    assert torch.autograd.grad(gradient.square().sum(), student)[0].isfinite().all()


# ---------------------------------------------------------------- many seeds, large features


@every_loss
def test_vmap_over_students_of_one_teacher(loss):
    students, teacher = normal(3, 4, 3), normal(4, 5, seed=1)
    expected = [with_gradient(loss, student, teacher) for student in students]
    students.requires_grad_()
    values = torch.func.vmap(loss, in_dims=(0, None))(students, teacher)
    close(values.detach(), torch.stack([value for value, _ in expected]))
    close(torch.autograd.grad(values.sum(), students)[0], torch.stack([gradient for _, gradient in expected]))
    # Another dimension than the first may hold the seeds.
    last = torch.func.vmap(loss, in_dims=(2, None))(students.detach().permute(1, 2, 0), teacher)
    close(last, values.detach())


def test_vmap_over_graphs():
    student, teacher = example()
    graphs = torch.stack([EDGES, EDGES.flip(0)])
    values = torch.func.vmap(local_structure_loss, in_dims=(None, None, 0))(student, teacher, graphs)
    close(values, torch.stack([local_structure_loss(student, teacher, edges) for edges in graphs]))


def test_large_features():
    """Their product has a gradient of its own, which saves a matrix product."""
    student, teacher = normal(4, 40, 30, 14), normal(4, 2**14, seed=1)
    assert student.numel() >= 2**16
    flat = student.flatten(1).clone().requires_grad_()
    rows = [x @ x.mT / (x @ x.mT).norm(dim=1, keepdim=True) for x in (flat, teacher)]
    expected = (rows[0] - rows[1]).square().sum() / 16
    value, gradient = with_gradient(similarity_preserving_loss, student, teacher)
    close(value, expected.detach())
    close(gradient.flatten(1), torch.autograd.grad(expected, flat)[0])
    stacked = torch.stack([student, 2 * student])
    gradients = torch.func.vmap(torch.func.grad(similarity_preserving_loss), (0, None))(stacked, teacher)
    close(gradients, torch.stack([gradient, gradient / 2]))


def test_the_product_of_all_rows():
    for size in (3, 2**14):
        x = normal(2, 4, size).requires_grad_()
        slope = normal(2, 4, 4, seed=1)
        product = gram(x)
        close(product.detach(), (x @ x.mT).detach())
        gradients = [torch.autograd.grad(y, x, slope)[0] for y in (product, x @ x.mT)]
        close(*gradients)
    x = normal(3, 2).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.autograd.gradcheck(gram, x)
        assert torch.autograd.gradgradcheck(gram, x)


@every_pair
def test_memory_is_of_the_order_of_the_pairs(loss):
    student, teacher = normal(48, 12), normal(48, 10, seed=1)
    assert largest_tensor(lambda s: loss(s, teacher), student) <= 48 * 48


def test_memory_on_a_graph_is_of_the_order_of_the_edges():
    student, teacher = normal(60, 5), normal(60, 4, seed=1)
    edges = torch.randint(60, (2, 90), generator=torch.Generator().manual_seed(0))
    assert largest_tensor(lambda s: local_structure_loss(s, teacher, edges), student) <= 90 * 5


# ---------------------------------------------------------------- wrong arguments


@every_pair
def test_embeddings_must_be_floating_point_tensors_of_one_batch(loss):
    good = torch.ones(3, 4)
    for wrong, said in (
        (torch.zeros(3), "(3,)"),
        (torch.zeros(0, 4), "(0, 4)"),
        (torch.zeros(3, 0), "(3, 0)"),
        (torch.zeros(3, 4, dtype=torch.int64), "torch.int64"),
        (np.zeros((3, 4)), "ndarray"),
        (None, "NoneType"),
    ):
        with raises("student", "got", said):
            loss(wrong, good)
        with raises("teacher", "got", said):
            loss(good, wrong)
    with raises("teacher", "batch size of student, 3", "got 2"):
        loss(good, torch.ones(2, 4))


@pytest.mark.parametrize("loss", [rkd_distance_loss, pkt_loss, correlation_congruence_loss])
def test_embeddings_must_be_matrices(loss):
    for wrong in (torch.ones(3, 2, 2), torch.ones(3, 2, 2, 2)):
        with raises("student", "(B, D)", "got", str(tuple(wrong.shape))):
            loss(wrong, torch.ones(3, 4))
        with raises("teacher", "(B, D)", "got", str(tuple(wrong.shape))):
            loss(torch.ones(3, 4), wrong)


def test_features_need_two_dimensions():
    with raises("student", "(B, D, ...)", "got (3,)"):
        similarity_preserving_loss(torch.ones(3), torch.ones(3, 2))
    with raises("teacher", "(B, D, ...)", "got (3,)"):
        similarity_preserving_loss(torch.ones(3, 2), torch.ones(3))


@pytest.mark.parametrize("wrong", [0, -1.0, math.nan, math.inf])
def test_widths_must_be_positive_and_finite(wrong):
    student, teacher = example()
    with raises("gamma", "(0, inf)", f"got {wrong}"):
        correlation_congruence_loss(student, teacher, gamma=wrong)
    with raises("sigma", "(0, inf)", f"got {wrong}"):
        local_structure_loss(student, teacher, EDGES, sigma=wrong)


def test_the_order_must_be_a_whole_number_from_one_on():
    student, teacher = example()
    for wrong, said in (
        (0, "[1, inf), got 0"),
        (-2, "got -2"),
        (1.5, "whole number, got 1.5"),
        ("2", "got str"),
    ):
        with raises("order", said):
            correlation_congruence_loss(student, teacher, order=wrong)
    value = correlation_congruence_loss(student, teacher, order=3)
    for order in (3.0, np.int64(3)):
        assert torch.equal(correlation_congruence_loss(student, teacher, order=order), value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([[0], [1]], "int64 tensor of shape (2, E), got list"),
        (None, "got NoneType"),
        (EDGES.int(), "got torch.int32"),
        (EDGES.double(), "got torch.float64"),
        (EDGES.T, "shape (2, E), got (7, 2)"),
        (EDGES[0], "got (7,)"),
        (EDGES[None], "got (1, 2, 7)"),
        (EDGES + 1, "in 0 .. 3, got values from 1 to 4"),
        (EDGES - 1, "in 0 .. 3, got values from -1 to 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_edges_must_be_pairs_of_node_numbers(wrong, said):
    student, teacher = example()
    with raises("edge_index", said):
        local_structure_loss(student, teacher, wrong)


def test_nodes_must_be_floating_point_matrices():
    good = torch.ones(4, 2)
    for wrong, said in ((torch.ones(4), "(N, D), got (4,)"), (torch.ones(0, 2), "(0, 2)"), (EDGES, "int64")):
        with raises("student", said):
            local_structure_loss(wrong, good, EDGES)
        with raises("teacher", said):
            local_structure_loss(good, wrong, EDGES)
    with raises("teacher", "batch size of student, 4", "got 5"):
        local_structure_loss(good, torch.ones(5, 2), EDGES)


# ---------------------------------------------------------------- defects of other libraries


def test_peer_defect_01_rows_of_the_similarity_matrix_have_euclidean_norm_one():
    """Not a sum of absolute values of one."""
    student, teacher = example()
    s, t = ((x @ x.T) / (x @ x.T).abs().sum(dim=1, keepdim=True) for x in (student, teacher))
    wrong = (s - t).square().sum() / 16
    value = similarity_preserving_loss(student, teacher)
    assert value.item() == pytest.approx(loop_similarity_preserving(student.tolist(), teacher.tolist()))
    assert value > 1.5 * wrong


def test_peer_defect_07_correlation_does_not_depend_on_batch_order():
    """It compares all pairs, not each sample with the one before it."""
    student, teacher = example(batch=8)
    order = torch.tensor([3, 1, 4, 0, 5, 7, 2, 6])
    close(
        correlation_congruence_loss(student[order], teacher[order]),
        correlation_congruence_loss(student, teacher),
    )


def test_peer_defect_10_distances_are_exact_far_from_the_origin():
    """An offset of 1000 in float32 costs no digits, and a batch of one is not NaN."""
    student, teacher = normal(16, 8).float() + 1000, normal(16, 6, seed=1).float() + 1000
    value, gradient = with_gradient(rkd_distance_loss, student, teacher)
    exact, exact_gradient = with_gradient(rkd_distance_loss, student.double(), teacher.double())
    assert value.item() == pytest.approx(exact.item(), rel=1e-6)
    torch.testing.assert_close(gradient.double(), exact_gradient, rtol=1e-5, atol=1e-6 * exact_gradient.max())
    value, gradient = with_gradient(rkd_distance_loss, student[:1], teacher[:1])
    assert value == 0 and not gradient.any()


@every_loss
def test_peer_defect_12_a_zero_row_has_a_finite_gradient(loss):
    """The square root's slope at 0 is kept away from."""
    student, teacher = example()
    for zero in (student, teacher):
        kept = zero[1].clone()
        zero[1] = 0
        value, gradient = with_gradient(loss, student, teacher)
        assert value.isfinite() and gradient.isfinite().all() and gradient.abs().max() < 10
        zero[1] = kept


@every_loss
def test_peer_defect_13_the_teacher_is_a_constant(loss):
    """No gradient reaches it, whether or not the student is trained."""
    student, teacher = example()
    teacher.requires_grad_()
    assert not loss(student, teacher).requires_grad
    loss(student.requires_grad_(), teacher).backward()
    assert teacher.grad is None and student.grad.any()
