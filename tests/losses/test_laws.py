"""Laws that every loss obeys: one table of cases a kind (`cases_*.py`), one test a law.

What only one loss promises is tested beside its kind.
"""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import torch
from loss_case import Inputs, LossCase, at_equality

from kdcourse import losses

FILES = sorted(path.stem for path in Path(__file__).parent.glob("cases_*.py"))
CASES: list[LossCase] = [case for name in FILES for case in importlib.import_module(name).CASES]
every_case = pytest.mark.parametrize("case", CASES, ids=str)
# What is not a loss with a student and a teacher: makers of targets and maps, and the adversarial pair, whose
# arguments are a critic's scores. They are tested beside their kinds.
NOT_A_LOSS = {
    "adversarial_loss",
    "attention_map",
    "confidence_weights",
    "critic_hinge_loss",
    "densify_soft_targets",
    "ensemble_soft_targets",
    "fsp_matrix",
    "input_gradient",
    "permuted_soft_targets",
    "sparse_soft_targets",
}
CLOSE = {"rtol": 1e-9, "atol": 1e-12}


def of_dtype(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    floats = tuple(t.to(dtype) if t.is_floating_point() else t for t in inputs.rest)
    return Inputs(*(tuple(t.to(dtype) for t in p) for p in (inputs.student, inputs.teacher)), floats)


def equal(case: LossCase, inputs: Inputs) -> Inputs:
    return (case.equal or at_equality)(inputs)


def test_every_loss_has_a_case():
    with_case, public = {case.name for case in CASES} | NOT_A_LOSS, set(losses.__all__)
    assert public <= with_case, f"add a LossCase in tests/losses/cases_*.py for {public - with_case}"
    assert with_case <= public, f"kdcourse/losses/__init__.py does not export {with_case - public}"
    assert len({str(case) for case in CASES}) == len(CASES), "cases of one function need a `variant`"


def test_the_package_exports_exactly_the_losses():
    defined = {
        name
        for name, value in vars(losses).items()
        if inspect.isfunction(value) and value.__module__.startswith("kdcourse.losses")
    }
    assert defined == set(losses.__all__)


# ---------------------------------------------------------------- gradients


@every_case
def test_the_gradient_agrees_with_finite_differences(case):
    inputs = case.inputs(batch=3)
    for t in inputs.student:
        t.requires_grad_()
    if not case.constant_parts:
        assert torch.autograd.gradcheck(lambda *s: case.call(s, inputs.teacher, inputs.rest), inputs.student)
    _, gradients = case.with_gradient(inputs)
    assert all(g.any() for g in gradients), "a gradient that is zero in general position teaches nothing"


@every_case
def test_nothing_flows_into_the_teacher(case):
    inputs = case.inputs()
    for t in inputs.teacher:
        t.requires_grad_()
    assert not case.value(inputs).requires_grad, "nothing that could be trained is left"
    for t in inputs.student:
        t.requires_grad_()
    case.value(inputs).backward()
    assert all(t.grad is None for t in inputs.teacher)
    assert all(t.grad is not None for t in inputs.student)


@every_case
def test_arguments_are_left_as_they_were(case):
    inputs = case.inputs()
    everything = (*inputs.student, *inputs.teacher, *inputs.rest)
    before, versions = [t.clone() for t in everything], [t._version for t in everything]
    case.with_gradient(inputs)
    assert [t._version for t in everything] == versions
    assert all(torch.equal(a, b) for a, b in zip(before, everything, strict=True))


@every_case
def test_student_and_teacher_have_their_roles(case):
    inputs = case.inputs()
    swapped = Inputs(
        inputs.teacher + inputs.student[len(inputs.teacher) :],
        inputs.student[: len(inputs.teacher)],
        inputs.rest,
    )
    try:
        other = case.value(swapped)
    except ValueError:  # their shapes differ, so they cannot be exchanged
        assert not case.same_shape or len(inputs.student) != len(inputs.teacher)
        return
    if case.symmetric:
        torch.testing.assert_close(other, case.value(inputs), **CLOSE)
    else:
        assert abs(other - case.value(inputs)) > 1e-6


# ---------------------------------------------------------------- values


@every_case
def test_zero_exactly_where_student_and_teacher_agree(case):
    inputs = case.inputs()
    value, gradients = case.with_gradient(equal(case, inputs))
    if not case.zero_at_equality:
        assert value.abs() > 1e-6
        return
    assert abs(value) < 1e-12
    for gradient in gradients:
        assert gradient.abs().max() < 1e-7
    assert case.value(inputs) > 1e-6


@every_case
def test_a_scalar_of_the_students_dtype(case):
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        value, gradients = case.with_gradient(of_dtype(case.inputs(), dtype))
        assert value.shape == () and value.dtype == dtype
        assert all(g.dtype == dtype for g in gradients)


@every_case
def test_half_precision_is_computed_in_single(case):
    for dtype in (torch.bfloat16, torch.float16):
        rounded = of_dtype(case.inputs(batch=8), dtype)
        exact, exact_gradients = case.with_gradient(of_dtype(rounded, torch.float64))
        value, gradients = case.with_gradient(rounded)
        assert value.item() == pytest.approx(exact.item(), rel=0.6 * torch.finfo(dtype).eps, abs=1e-6)
        for got, expected in zip(gradients, exact_gradients, strict=True):
            scale = expected.abs().max()
            assert (got.double() - expected).abs().max() <= torch.finfo(dtype).eps * scale + 1e-7


@every_case
@pytest.mark.parametrize(
    ("of_student", "of_teacher"), [(torch.float32, torch.float64), (torch.bfloat16, torch.float32)]
)
def test_student_and_teacher_of_different_dtypes(case, of_student, of_teacher):
    inputs = of_dtype(case.inputs(), of_student)
    mixed = Inputs(inputs.student, tuple(t.to(of_teacher) for t in inputs.teacher), inputs.rest)
    value, gradients = case.with_gradient(mixed)
    assert value.dtype == of_student and all(g.dtype == of_student for g in gradients)
    exact = case.value(of_dtype(mixed, torch.float64))
    eps = torch.finfo(of_student).eps
    assert value.item() == pytest.approx(exact.item(), rel=0.6 * eps + 1e-5, abs=1e-6)


@every_case
def test_autocast_changes_nothing(case):
    inputs = of_dtype(case.inputs(batch=8), torch.float32)
    expected, expected_gradients = case.with_gradient(inputs)
    leaves = tuple(t.clone().requires_grad_() for t in inputs.student)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = case.call(leaves, inputs.teacher, inputs.rest)
    gradients = torch.autograd.grad(value, leaves)  # outside, as PyTorch asks for
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.detach(), expected, rtol=1e-5, atol=1e-6)
    for got, wanted in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)


@every_case
def test_memory_layout_does_not_matter(case):
    inputs = case.inputs()

    def strided(t):
        return t.mT.contiguous().mT if t.ndim > 1 else t.repeat_interleave(2)[::2]

    def last(t):
        return t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t

    expected, expected_gradients = case.with_gradient(inputs)
    for layout in (strided, last):
        value, gradients = case.with_gradient(inputs.map(layout))
        torch.testing.assert_close(value, expected, **CLOSE)
        torch.testing.assert_close(gradients, expected_gradients, **CLOSE)


# ---------------------------------------------------------------- the batch


@every_case
def test_the_order_of_the_samples_does_not_matter(case):
    if not case.batched:
        pytest.skip("its tensors have no common batch dimension: tested beside its kind")
    inputs = case.inputs(batch=5)
    other = case.value(inputs.rows(torch.tensor([3, 0, 4, 2, 1])))
    if case.batch_order:
        torch.testing.assert_close(other, case.value(inputs), **CLOSE)
    else:
        assert abs(other - case.value(inputs)) > 1e-9


@every_case
def test_the_batch_is_averaged_or_its_samples_depend_on_each_other(case):
    if not case.batched:
        pytest.skip("its tensors have no common batch dimension: tested beside its kind")
    inputs = case.inputs(batch=5)
    parts = [case.value(inputs.rows(slice(i, i + 1))) for i in range(5)] if case.min_batch == 1 else None
    if case.additive:
        torch.testing.assert_close(torch.stack(parts).mean(), case.value(inputs), **CLOSE)
    elif parts:
        assert abs(torch.stack(parts).mean() - case.value(inputs)) > 1e-9


@every_case
def test_a_batch_of_one(case):
    if case.min_batch > 1:
        with pytest.raises(ValueError, match="expected"):
            case.value(case.inputs(batch=1))
        return
    value, gradients = case.with_gradient(case.inputs(batch=1))
    assert value.isfinite() and all(g.isfinite().all() for g in gradients)


# ---------------------------------------------------------------- hard inputs

HARD = {
    "huge": lambda t: 1e4 * t / t.abs().max(),
    "huge and one-sided": lambda t: 1e4 * t / t.abs().max() + 1e4,
    "tiny": lambda t: 1e-12 * t,
    "zero": torch.zeros_like,
    "constant": lambda t: torch.full_like(t, 3.3),
    "huge constant": lambda t: torch.full_like(t, -1e4),
    "a zero row": lambda t: torch.cat([torch.zeros_like(t[:1]), t[1:]]),
    "a constant row": lambda t: torch.cat([torch.full_like(t[:1], 0.1), t[1:]]),
    "repeated rows": lambda t: torch.cat([t[:1], t[:1], t[2:]]),
    "rows that differ by rounding": lambda t: torch.cat([t[:1], t[:1] * (1 + 2e-7), t[2:]]),
    "all rows equal": lambda t: t[:1].expand_as(t).clone(),
    "a zero column": lambda t: torch.cat([torch.zeros_like(t[:, :1]), t[:, 1:]], 1) if t.ndim > 1 else t,
    "one-hot": lambda t: (t == t.max()).to(t.dtype),
}


@every_case
@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_hard_inputs_give_finite_values_and_moderate_gradients(case, kind, dtype):
    inputs = of_dtype(case.inputs(), dtype)
    paired = len(inputs.teacher)
    learned = inputs.student[paired:]  # a variance head's output is not an activation
    hard_student = tuple(map(HARD[kind], inputs.student[:paired])) + learned
    hard_teacher = tuple(map(HARD[kind], inputs.teacher))
    for student, teacher in (
        (hard_student, inputs.teacher),
        (inputs.student, hard_teacher),
        (hard_student, hard_teacher),
        (hard_student, tuple(-t for t in hard_teacher)),
    ):
        value, gradients = case.with_gradient(Inputs(student, teacher, inputs.rest))
        assert value.isfinite()
        assert all(g.isfinite().all() for g in gradients)
        # At tiny inputs a loss that ignores their scale is steep by its formula.
        if case.steepest is not None and kind not in {"tiny", "rows that differ by rounding"}:
            size = max(t.abs().max() for t in (*student, *teacher))
            steepest = max(g.abs().max() for g in gradients)
            assert steepest <= case.steepest * (1 + size), f"{steepest:.1e} at inputs of size {size:.1e}"


@every_case
def test_nan_is_passed_on_without_an_exception(case):
    """A loss does not look at its inputs' values (that stalls a GPU); `fit` reports what is not finite."""
    inputs = of_dtype(case.inputs(), torch.float32)
    for part in (inputs.student, inputs.teacher):
        kept = part[0].clone()
        part[0].view(-1)[0] = float("nan")
        assert case.value(inputs).isnan() or not case.shows_nan
        part[0].copy_(kept)


# ---------------------------------------------------------------- transformations and devices


@every_case
def test_compiles_into_one_graph(case):
    inputs = of_dtype(case.inputs(), torch.float32)
    torch.compiler.reset()
    compiled = torch.compile(case.call, fullgraph=True, backend="aot_eager")
    leaves = tuple(t.clone().requires_grad_() for t in inputs.student)
    value = compiled(leaves, inputs.teacher, inputs.rest)
    expected, expected_gradients = case.with_gradient(inputs)
    torch.testing.assert_close(value.detach(), expected)
    gradients = torch.autograd.grad(value, leaves)
    torch.testing.assert_close(gradients, expected_gradients, rtol=1e-4, atol=1e-6)


@every_case
def test_vmap_equals_a_loop(case):
    """As in `SeedStack`: several students at once, under an outer graph and under vmap of a gradient."""
    runs = [case.inputs(seed=seed) for seed in range(3)]
    stacked = Inputs(
        *(tuple(map(torch.stack, zip(*(getattr(r, part) for r in runs), strict=True))) for part in
          ("student", "teacher", "rest"))
    )  # fmt: skip
    expected = [case.with_gradient(run) for run in runs]
    values = torch.stack([value for value, _ in expected])
    gradients = tuple(map(torch.stack, zip(*(g for _, g in expected), strict=True)))

    leaves = tuple(t.clone().requires_grad_() for t in stacked.student)
    got = torch.func.vmap(case.call)(leaves, stacked.teacher, stacked.rest)
    torch.testing.assert_close(got.detach(), values, **CLOSE)
    torch.testing.assert_close(torch.autograd.grad(got.sum(), leaves), gradients, **CLOSE)

    inner = torch.func.vmap(torch.func.grad(case.call))(stacked.student, stacked.teacher, stacked.rest)
    torch.testing.assert_close(inner, gradients, **CLOSE)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@every_case
def test_on_a_gpu_without_waiting_for_it(case):
    inputs = of_dtype(case.inputs(), torch.float32)
    expected, expected_gradients = case.with_gradient(inputs)
    there = Inputs(*(tuple(t.cuda() for t in p) for p in (inputs.student, inputs.teacher, inputs.rest)))
    case.with_gradient(there)  # the first call may synchronise while libraries are loaded
    torch.cuda.set_sync_debug_mode("error")
    try:
        value, gradients = case.with_gradient(there)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert value.is_cuda and value.dtype == torch.float32
    torch.testing.assert_close(value.cpu(), expected, rtol=1e-4, atol=1e-5)
    for got, wanted in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(got.cpu(), wanted, rtol=1e-3, atol=1e-5)


# ---------------------------------------------------------------- wrong arguments


def tensor_names(case: LossCase) -> list[str]:
    """The function's positional parameters: its tensors."""
    parameters = inspect.signature(getattr(losses, case.name)).parameters.values()
    return [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]


@every_case
def test_hyper_parameters_are_keyword_only_and_have_defaults(case):
    for parameter in inspect.signature(getattr(losses, case.name)).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            assert isinstance(parameter.default, (int, float, tuple, type(None))), parameter
        else:
            assert parameter.default is parameter.empty, parameter
    assert not any(re.search("teacher", name) for name in tensor_names(case)[:1]), "the student comes first"


@every_case
def test_what_is_not_a_floating_point_tensor_is_refused_by_name(case):
    inputs = case.inputs()
    names = "|".join(tensor_names(case))
    for role in ("student", "teacher"):
        part = getattr(inputs, role)
        for i in range(len(part)):
            for wrong in (part[i].long(), part[i].tolist(), None):
                changed = {role: (*part[:i], wrong, *part[i + 1 :])}
                parts = {"student": inputs.student, "teacher": inputs.teacher, "rest": inputs.rest} | changed
                with pytest.raises(ValueError, match=rf"^({names})(\[\d+\])?: expected .*got "):
                    case.call(parts["student"], parts["teacher"], parts["rest"])


@every_case
def test_empty_batches_and_wrong_dimensions_are_refused_by_name(case):
    inputs = case.inputs()
    names = "|".join(tensor_names(case))
    for role in ("student", "teacher"):
        part = getattr(inputs, role)
        for i in range(len(part)):
            wrongs = [part[i][:0], torch.tensor(1.0)]
            if case.batched:
                wrongs.append(part[i][:-1])  # not the batch of the others
            for wrong in wrongs:
                changed = {role: (*part[:i], wrong, *part[i + 1 :])}
                parts = {"student": inputs.student, "teacher": inputs.teacher, "rest": inputs.rest} | changed
                with pytest.raises(ValueError, match=rf"^({names})(\[\d+\])?: expected .*got "):
                    case.call(parts["student"], parts["teacher"], parts["rest"])


# ---------------------------------------------------------------- documentation


@pytest.mark.parametrize("name", losses.__all__)
def test_every_function_is_documented_in_full(name):
    function = getattr(losses, name)
    text = inspect.getdoc(function)
    summary, blank, *_ = text.splitlines()
    assert summary.endswith(".") and blank == "", "a summary of one line comes first"
    parts = [".. math::", "\nArgs:\n", "shape (", "\nReturns:\n", "ValueError:", ">>> "]
    for part in parts:
        assert part in text, f"{name} lacks {part!r}"
    if name.endswith("_loss"):
        assert "0-dimensional" in text
    source = text.split("\nSource:\n")[1]
    assert re.search(r"\b(19|20)\d\d\b", source) and re.search(r"section|equation|code", source)
    for parameter in inspect.signature(function).parameters:
        assert f"{parameter}: " in text, f"{name} does not explain {parameter}"
