"""Response losses where numbers get rough: extreme logits, small dtypes, compilers, vmap, GPUs."""

import math
import shutil
import sys

import pytest
import torch
import torch.nn.functional as F

from kdcourse.losses import kd_loss, logit_matching_loss, soft_cross_entropy, soft_target_loss

ALL = {
    "soft_cross_entropy": lambda s, t, y: soft_cross_entropy(s, t, temperature=2.5),
    "soft_target_loss": lambda s, t, y: soft_target_loss(s, t, temperature=2.5),
    "kd_loss": lambda s, t, y: kd_loss(s, t, y, temperature=2.5, alpha=0.7),
    "logit_matching_loss": lambda s, t, y: logit_matching_loss(s, t),
}
every_loss = pytest.mark.parametrize("loss", ALL.values(), ids=ALL.keys())


def example(batch=6, classes=10, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = 3 * torch.randn(2, batch, classes, generator=generator).to(dtype)
    return student, teacher, torch.randint(classes, (batch,), generator=generator)


def value_and_gradient(loss, student, teacher, labels):
    student = student.clone().requires_grad_()
    value = loss(student, teacher, labels)
    return value.detach(), torch.autograd.grad(value, student)[0]


# ---------------------------------------------------------------- extreme and degenerate inputs


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_confident_disagreement(dtype, temperature):
    """Teacher and student are sure of different classes, by 2e4: values are known, gradients at most T/B."""
    teacher = torch.tensor([[1e4, -1e4, 0.0]], dtype=dtype)
    student = torch.tensor([[-1e4, 1e4, 0.0]], dtype=dtype)
    labels = torch.tensor([0])
    # softmax is one-hot, so KL = 2e4 / T, and the gradient of T² KL is T (q - p).
    direction = torch.tensor([[-1.0, 1.0, 0.0]], dtype=dtype)
    gap = (student[0, 1] - student[0, 0]).item()
    for loss, value, size in (
        (
            lambda s, t, y: soft_cross_entropy(s, t, temperature=temperature),
            gap / temperature,
            1 / temperature,
        ),
        (lambda s, t, y: soft_target_loss(s, t, temperature=temperature), gap * temperature, temperature),
        (
            lambda s, t, y: kd_loss(s, t, y, temperature=temperature, alpha=0.5),
            0.5 * gap * temperature + 0.5 * gap,
            0.5 * temperature + 0.5,
        ),
    ):
        got, gradient = value_and_gradient(loss, student, teacher, labels)
        assert got.item() == pytest.approx(value, rel=2 * torch.finfo(dtype).eps)
        torch.testing.assert_close(gradient, size * direction)
    got, gradient = value_and_gradient(ALL["logit_matching_loss"], student, teacher, labels)
    assert got.item() == pytest.approx(gap**2, rel=4 * torch.finfo(dtype).eps)
    torch.testing.assert_close(gradient, student - teacher)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_loss
def test_extreme_logits_give_finite_values_and_moderate_gradients(loss, dtype):
    generator = torch.Generator().manual_seed(0)
    student, teacher = 1e4 * torch.randn(2, 8, 5, generator=generator, dtype=torch.float64).to(dtype)
    value, gradient = value_and_gradient(loss, student, teacher, torch.zeros(8, dtype=torch.int64))
    assert value.isfinite()
    bound = (student - teacher).abs().max() / 8 if loss is ALL["logit_matching_loss"] else 2.5 / 8
    assert gradient.isfinite().all()
    assert 0 < gradient.abs().max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize("constant", [0.0, 7.0, -1e4])
def test_constant_logits(constant):
    logits, labels = torch.full((2, 5), constant), torch.tensor([0, 4])
    assert soft_cross_entropy(logits, logits).item() == pytest.approx(math.log(5), rel=1e-6)
    for name in ("soft_target_loss", "logit_matching_loss"):
        value, gradient = value_and_gradient(ALL[name], logits, logits.clone(), labels)
        assert value == 0 and gradient.abs().max() < 1e-7, name
    assert kd_loss(logits, logits, labels, alpha=0.75).item() == pytest.approx(0.25 * math.log(5), rel=1e-6)


def test_one_class_leaves_nothing_to_learn():
    student, teacher = torch.tensor([[3.0], [-2.0]]), torch.tensor([[1.0], [5.0]])
    for name in ("soft_cross_entropy", "soft_target_loss", "kd_loss"):
        value, gradient = value_and_gradient(ALL[name], student, teacher, torch.tensor([0, 0]))
        assert value == 0 and not gradient.any(), name
    assert logit_matching_loss(student, teacher).item() == (4 + 49) / 2 / 2


def test_two_classes_are_a_logistic_regression():
    student, teacher, _ = example(batch=5, classes=2, dtype=torch.float64)
    p, margin = (teacher[:, 1] - teacher[:, 0]).sigmoid(), student[:, 1] - student[:, 0]
    expected = F.binary_cross_entropy_with_logits(margin, p)
    torch.testing.assert_close(soft_cross_entropy(student, teacher), expected)


@every_loss
def test_a_batch_of_one(loss):
    student, teacher, labels = example(batch=4)
    rows = [loss(student[i : i + 1], teacher[i : i + 1], labels[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(torch.stack(rows).mean(), loss(student, teacher, labels))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_very_low_temperature_compares_the_winners(dtype):
    teacher = torch.tensor([[2.0, 1.0, 0.0]], dtype=dtype)
    student = torch.tensor([[1.0, 3.0, 0.0]], dtype=dtype)
    temperature = 1e-4
    # p and q are one-hot, so KL = (3 - 1) / T.
    loss = soft_target_loss(student, teacher, temperature=temperature)
    assert loss.item() == pytest.approx(temperature * 2, rel=1e-5)
    assert soft_target_loss(student, teacher[:, [1, 0, 2]], temperature=temperature).item() == 0


def test_a_very_high_temperature():
    student, teacher, _ = example(dtype=torch.float64)
    student, teacher = (z - z.mean(dim=1, keepdim=True) for z in (student, teacher))
    limit, limit_gradient = value_and_gradient(ALL["logit_matching_loss"], student, teacher, None)
    for dtype, temperature in ((torch.float64, 1e5), (torch.float32, 1e3)):
        value, gradient = value_and_gradient(
            lambda s, t, y, T=temperature: 10 * soft_target_loss(s, t, temperature=T),
            student.to(dtype),
            teacher.to(dtype),
            None,
        )
        # The value is a small difference of rounded numbers times T²; the gradient suffers only T times.
        rounding = torch.finfo(dtype).eps * temperature
        assert value.item() == pytest.approx(limit.item(), rel=0.01, abs=20 * rounding * temperature)
        assert (gradient - limit_gradient).abs().max() < 10 / temperature + 20 * rounding


@every_loss
def test_nan_logits_give_nan_and_no_exception(loss):
    """A loss does not look at the values of logits (that stalls a GPU); `fit` reports what is not finite."""
    student, teacher, labels = example()
    student[1, 2] = math.nan
    assert loss(student, teacher, labels).isnan()
    assert loss(teacher, student, labels).isnan()


# ---------------------------------------------------------------- dtypes


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@every_loss
def test_the_students_dtype_and_its_full_precision(loss, dtype):
    student, teacher, labels = example(batch=8, classes=200, dtype=dtype)
    exact, exact_gradient = value_and_gradient(loss, student.double(), teacher.double(), labels)
    value, gradient = value_and_gradient(loss, student, teacher, labels)
    assert value.dtype == gradient.dtype == dtype
    assert value.shape == ()
    # Half precision is wide inside: what is left is one rounding to the nearest number of its kind.
    roundings = 0.51 if dtype.itemsize == 2 else 10
    eps = torch.finfo(dtype).eps
    assert value.item() == pytest.approx(exact.item(), rel=roundings * eps)
    assert (
        gradient.double() - exact_gradient
    ).abs().max() <= 2 * roundings * eps * exact_gradient.abs().max()


@pytest.mark.parametrize(
    ("of_student", "of_teacher"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.bfloat16), (torch.float32, torch.float64)],
)
@every_loss
def test_student_and_teacher_of_different_dtypes(loss, of_student, of_teacher):
    student, teacher, labels = example()
    student, teacher = student.to(of_student), teacher.to(of_teacher)
    value, gradient = value_and_gradient(loss, student, teacher, labels)
    assert value.dtype == gradient.dtype == of_student
    exact = loss(student.double(), teacher.double(), labels)
    assert value.item() == pytest.approx(exact.item(), rel=2 * torch.finfo(of_student).eps)


@every_loss
def test_under_autocast(loss):
    student, teacher, labels = example()
    layer = torch.nn.Linear(10, 10)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(student, teacher, labels)
        logits = layer(student)
        assert logits.dtype == torch.bfloat16
        mixed = loss(logits, teacher, labels)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(student, teacher, labels), rtol=1e-6, atol=1e-6)
    assert mixed.dtype == torch.bfloat16
    mixed.backward()
    assert layer.weight.grad.isfinite().all() and layer.weight.grad.abs().sum() > 0
    assert mixed.item() == pytest.approx(loss(logits.double(), teacher.double(), labels).item(), rel=2**-8)


@every_loss
def test_non_contiguous_logits(loss):
    student, teacher, labels = example()
    expected = loss(student, teacher, labels)
    strided = loss(student.T.contiguous().T, teacher.repeat_interleave(2, dim=1)[:, ::2], labels)
    torch.testing.assert_close(strided, expected)


# ---------------------------------------------------------------- transformations


@every_loss
def test_compiles_into_one_graph(loss):
    student, teacher, labels = example()
    torch.compiler.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    value, gradient = value_and_gradient(compiled, student, teacher, labels)
    expected, expected_gradient = value_and_gradient(loss, student, teacher, labels)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, expected_gradient)


def test_a_compiled_loss_follows_its_temperature():
    student, teacher, labels = example()
    torch.compiler.reset()
    compiled = torch.compile(kd_loss, fullgraph=True, backend="eager")
    for temperature, alpha in ((1.0, 0.5), (2.5, 0.5), (4.0, 0.1), (8.0, 0.9)):
        options = {"temperature": temperature, "alpha": alpha}
        expected = kd_loss(student, teacher, labels, **options)
        torch.testing.assert_close(compiled(student, teacher, labels, **options), expected)


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="needs a C++ compiler")
@pytest.mark.skipif(sys.platform == "win32", reason="needs the compiler of Visual Studio there")
@pytest.mark.filterwarnings("default")  # whatever the compiler of this machine has to say is not our matter
def test_compiles_to_machine_code():
    torch.compiler.reset()
    compiled = torch.compile(
        lambda *arguments: sum(loss(*arguments) for loss in ALL.values()), fullgraph=True
    )
    arguments = example()
    value, gradient = value_and_gradient(compiled, *arguments)
    expected = [value_and_gradient(loss, *arguments) for loss in ALL.values()]
    torch.testing.assert_close(value, sum(value for value, _ in expected))
    torch.testing.assert_close(gradient, sum(gradient for _, gradient in expected))


@every_loss
def test_vmap_equals_a_loop(loss):
    student, teacher = torch.stack([torch.stack(example(seed=i)[:2]) for i in range(3)]).unbind(dim=1)
    labels = torch.stack([example(seed=i)[2] for i in range(3)])
    looped = torch.stack([loss(*row) for row in zip(student, teacher, labels, strict=True)])
    torch.testing.assert_close(torch.func.vmap(loss)(student, teacher, labels), looped)
    gradients = torch.func.vmap(torch.func.grad(loss))(student, teacher, labels)
    rows = zip(student, teacher, labels, strict=True)
    torch.testing.assert_close(gradients, torch.stack([value_and_gradient(loss, *row)[1] for row in rows]))


def test_vmap_does_not_hide_a_wrong_label():
    student, teacher, labels = (torch.stack([part] * 2) for part in example())
    for wrong in (-100, -1, 10):  # -100 is what PyTorch's own cross-entropy skips without a word
        labels[1, 3] = wrong
        with pytest.raises((RuntimeError, IndexError), match=r"bounds|range"):
            torch.func.vmap(kd_loss)(student, teacher, labels)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every_loss
def test_on_a_gpu_without_waiting_for_it(loss):
    arguments = example()
    expected, expected_gradient = value_and_gradient(loss, *arguments)
    student, teacher, labels = (argument.cuda() for argument in arguments)
    student.requires_grad_()
    loss(student, teacher, labels).backward()  # the first call may synchronise while libraries are loaded
    student.grad = None
    torch.cuda.set_sync_debug_mode("error")
    try:
        value = loss(student, teacher, labels)
        value.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert value.is_cuda and value.dtype == torch.float32
    torch.testing.assert_close(value.detach().cpu(), expected)
    torch.testing.assert_close(student.grad.cpu(), expected_gradient)
