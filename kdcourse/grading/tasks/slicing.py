"""`slice_linear`: a narrow linear layer that is the corner of a wide one and learns with it.

The two results are examined one after the other, each as a function of the four arguments.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case, FunctionTask, Wrong
from kdcourse.grading.probe import Rejected, prepare

NAMES = ("weight", "bias", "out_width", "in_width")
SHARED = "The narrow layer must learn *in* the wide one: "
EXCHANGED = (
    "Rows and columns are exchanged: `weight` has one *row* for each output, one column for each input."
)
LEFT_OVER = "This is what is left over: `[m:]` starts at m, `[:m]` ends there."


def slicing_cases() -> list[Case]:
    def shows(law: str, M_out: int, M_in: int, out: int, into: int, scale: float = 1.0, **options) -> Case:
        weight = scale * normal(1101 + 5 * M_out + M_in, M_out, M_in)
        bias = scale * normal(1201 + M_out, M_out)
        sizes = {"M_out": M_out, "M_in": M_in, "out_width": out, "in_width": into}
        return Case((weight, bias, out, into), sizes, law, **options)

    return [
        shows("", 9, 7, 4, 3, model_output=True),
        shows("", 6, 11, 2, 8, dtype=torch.float64),
        shows("", 13, 5, 7, 4, scale=3.0),
        shows("", 8, 12, 5, 6, dtype=torch.float64, model_output=True),
        shows("With a square weight", 8, 8, 3, 5),
        shows("With as many outputs as inputs", 9, 7, 4, 4),
        shows("In the first layer, which keeps all inputs", 9, 6, 4, 6),
        shows("In the last layer, which keeps all outputs", 5, 9, 5, 3, dtype=torch.float64),
        shows("At full width, where nothing is cut off", 6, 4, 6, 4),
        shows("With one output", 7, 5, 1, 3),
        shows("With one input", 7, 5, 3, 1, dtype=torch.float64),
        shows("With weights of size 1e3", 9, 7, 4, 3, scale=1e3, rtol=1e-4),
        shows("When called a second time with the same inputs", 9, 7, 4, 3, model_output=True),
    ]


def corner(weight: Tensor, bias: Tensor, out: int, into: int) -> tuple[Tensor, Tensor]:
    return weight[:out, :into], bias[:out]


# What can be taken instead of the first m of M: (M, m, scores) -> indices.
INDICES: list[tuple[Callable[[int, int, Tensor], object], str]] = [
    (lambda M, m, s: slice(M - m, M), "the last {}; take the first ones"),
    (lambda M, m, s: slice(1, m + 1), "{} from number 1 on; the first has the number 0"),
    (lambda M, m, s: torch.arange(0, M, M // m)[:m], "{} at equal distances; take the first ones"),
    (
        lambda M, m, s: s.argsort(descending=True)[:m],
        "the {} with the largest L1 norms. Sorting by importance is a step of its own, which the course does "
        "before; slicing takes the first ones",
    ),
    (
        lambda M, m, s: s.argsort()[:m],
        "the {} with the smallest norms; take the first ones",
    ),
    (lambda M, m, s: torch.arange(m).flip(0), "the first {}, in reversed order"),
]
FACTORS: list[Callable[[int, int, int, int], float]] = [
    lambda Mo, Mi, o, i: Mi / i,
    lambda Mo, Mi, o, i: i / Mi,
    lambda Mo, Mi, o, i: (Mi / i) ** 0.5,
    lambda Mo, Mi, o, i: (i / Mi) ** 0.5,
    lambda Mo, Mi, o, i: Mo / o,
    lambda Mo, Mi, o, i: o / Mo,
]
SCALED = "The numbers are scaled with the width; the narrow layer uses the wide one's numbers as they are."


def weight_mistakes() -> Iterator[Wrong]:
    for index, words in INDICES:
        rows, columns = (f"These are {words.format(axis)}." for axis in ("rows", "columns"))

        def row_indices(w: Tensor, o: int, index=index) -> object:
            return index(len(w), o, w.abs().sum(1))

        def column_indices(w: Tensor, i: int, index=index) -> object:
            return index(w.shape[1], i, w.abs().sum(0))

        yield Wrong(lambda w, b, o, i, r=row_indices: w[r(w, o)][:, :i], rows)
        yield Wrong(lambda w, b, o, i, c=column_indices: w[:o][:, c(w, i)], columns)
        yield Wrong(
            lambda w, b, o, i, r=row_indices, c=column_indices: w[r(w, o)][:, c(w, i)],
            f"{rows} The columns are chosen in the same way.",
        )
    for factor in FACTORS:
        yield Wrong(lambda w, b, o, i, f=factor: w[:o, :i] * f(*w.shape, o, i), SCALED)
    dealt = "`reshape` and `view` deal the numbers out anew; take rows and columns, `weight[:m, :n]`."
    yield Wrong(lambda w, b, o, i: w.flatten()[: o * i].reshape(o, i), dealt)
    yield Wrong(lambda w, b, o, i: w[:o, :i].T.reshape(o, i), dealt)
    yield Wrong(lambda w, b, o, i: w.T.reshape(w.shape)[:o, :i], dealt)


def bias_mistakes() -> Iterator[Wrong]:
    for index, words in INDICES:

        def chosen(w: Tensor, b: Tensor, o: int, i: int, index=index) -> Tensor:
            return b[index(len(b), o, w.abs().sum(1))]

        def by_itself(w: Tensor, b: Tensor, o: int, i: int, index=index) -> Tensor:
            return b[index(len(b), o, b.abs())]

        yield Wrong(chosen, f"These are {words.format('entries')}.")
        yield Wrong(by_itself, f"These are {words.format('entries')}.")
    for factor in FACTORS:
        yield Wrong(lambda w, b, o, i, f=factor: b[:o] * f(*w.shape, o, i), SCALED)
    yield Wrong(
        lambda w, b, o, i: b[:o] * 0,
        "The narrow layer's bias is 0; it is the first entries of the wide one's.",
    )


def weight_shapes(args: tuple) -> dict[tuple, str]:
    (M_out, M_in), out, into = args[0].shape, args[2], args[3]
    one = "A single index drops the axis; a slice (`:m`) keeps it."
    return {
        (into, out): EXCHANGED,
        (
            out,
            M_in,
        ): "Only the rows are sliced. A narrow layer comes after a narrow one: slice the columns, too.",
        (M_out, into): "Only the columns are sliced. `out_width` says how many rows there are.",
        (M_out, M_in): "It is as large as before. Setting the rest to 0 saves nothing; cut it off.",
        (M_in, M_out): "This is the whole weight, transposed. Take the first rows and columns.",
        (out * into,): "The numbers are in one row; leave the result (out_width, in_width).",
        (out,): one,
        (into,): one,
        (M_out - out, M_in - into): LEFT_OVER,
    }


def bias_shapes(args: tuple) -> dict[tuple, str]:
    M_out, out, into = len(args[0]), args[2], args[3]
    of_inputs = "The bias belongs to the *outputs*: it has `out_width` entries, not `in_width`."
    return {
        (into,): of_inputs,
        (min(into, M_out),): of_inputs,
        (M_out,): "The bias is not sliced; it has one entry for each of `out_width` outputs.",
        (out, 1): "There is one axis too many.",
        (1, out): "There is one axis too many.",
        (): "A single index drops the axis; a slice (`:m`) keeps it.",
        (M_out - out,): LEFT_OVER,
    }


class Corner(FunctionTask):
    """One of the two results; says how the narrow layer is cut off from the wide one."""

    def require_gradients(self, pairs: list) -> None:
        try:
            super().require_gradients(pairs)
        except Rejected as rejected:
            why = (
                "`detach`, `.data`, `no_grad`, `torch.tensor(...)` and new modules or parameters cut it off. "
            )
            raise Rejected(
                rejected.feedback[0], diagnosis=f"{SHARED}{why}Indexing keeps the graph, and so does `clone`."
            ) from None


PARTS = {
    "weight": Corner(
        NAMES, "(out_width, in_width)", lambda *args: corner(*args)[0], slicing_cases, weight_mistakes,
        learns=(0,), shapes=weight_shapes,
    ),
    "bias": Corner(
        NAMES, "(out_width,)", lambda *args: corner(*args)[1], slicing_cases, bias_mistakes,
        learns=(1,), shapes=bias_shapes,
    ),
}  # fmt: skip


def two_tensors(result: object) -> tuple[Tensor, Tensor]:
    if isinstance(result, nn.Module):
        raise Rejected(
            f"Your function returns a module ({type(result).__name__}); expected are two tensors.",
            diagnosis=SHARED + "a new `nn.Linear` has parameters of its own.",
        )
    if isinstance(result, Tensor):
        raise Rejected("Your function returns one tensor; expected are two, the weight and the bias.")
    if result is None:
        raise Rejected("Your function returns None. Is a `return` missing?")
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Rejected("Your function must return two tensors: the weight and the bias.")
    if any(isinstance(part, nn.Parameter) for part in result):
        raise Rejected(
            "Your function returns a new `nn.Parameter`.",
            diagnosis=f"{SHARED}`nn.Parameter(...)` begins a graph of its own, which ends before the wide "
            "layer. Return the slices themselves.",
        )
    weight, bias = result
    if isinstance(weight, Tensor) and isinstance(bias, Tensor) and weight.dim() == 1 and bias.dim() == 2:
        raise Rejected("The weight comes first, then the bias; yours are exchanged.")
    return weight, bias


def slice_linear(answer: object) -> list[str]:
    function = prepare(answer, NAMES)
    told: list[str] = []
    for place, (name, task) in enumerate(PARTS.items()):

        def part(weight: Tensor, bias: Tensor, out: int, into: int, place: int = place) -> object:
            return two_tensors(function(weight, bias, out, into))[place]

        try:
            told += [line for line in task(part)[1:] if line not in told]
        except Rejected as rejected:
            seen = rejected.feedback[0]
            if not seen.startswith(("Your function", "The weight comes", "Not written")):
                rejected.feedback[0] = f"The {name}. {seen}"
            raise
    return [
        f"Both slices are right on {len(slicing_cases())} inputs of several sizes.",
        "Gradients reach the wide layer's tensors, and are 0 outside of the slice.",
        *told,
    ]


TASKS = {"slice_linear": slice_linear}
