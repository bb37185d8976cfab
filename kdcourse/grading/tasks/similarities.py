"""Similarities inside each net (`similarity_preserving_loss`) and across both
(`infonce_distillation_loss`).
"""

import torch

from kdcourse.grading.formulas.relations import infonce, repeated, similarity_preserving
from kdcourse.grading.formulas.responses import normal
from kdcourse.grading.function_task import Case
from kdcourse.grading.mistakes.infonce import infonce_mistakes
from kdcourse.grading.mistakes.relations import similarity_mistakes
from kdcourse.grading.relation_task import RelationTask

# --- similarity preserving ---


def similarity_cases() -> list[Case]:
    def shows(law: str, B: int, student: tuple, teacher: tuple, **options) -> Case:
        s = normal(301 + B + len(student), B, *student) + 0.4
        t = normal(409 + B + len(teacher), B, *teacher) + 0.2
        s[0], t[-1] = 3.0 * s[0], 2.0 * t[-1]
        s, t = options.pop("s", s), options.pop("t", t)
        sizes = {"B": B, "D_s": s[0].numel(), "D_t": t[0].numel()}
        return Case((s, t), sizes, law, **{"rtol": 5e-4} | options)

    s, t = normal(5, 4, 3, 2, 5) + 0.5, normal(6, 4, 7)
    basis, _ = torch.linalg.qr(normal(7, 9, 9))
    own = torch.tensor([[3.0], [1.0], [0.2], [1.0]], dtype=torch.float64)
    return [
        shows("", 5, (3, 2, 4), (6, 4, 2), model_output=True),
        shows("", 4, (7,), (2, 3, 5), dtype=torch.float64, teacher_requires_grad=True),
        shows("", 3, (2, 3, 5), (8,), teacher_requires_grad=True, model_output=True),
        shows("", 6, (5, 4), (3, 7), dtype=torch.float64),
        shows(
            "With a student that equals the teacher the loss and its gradient are 0",
            4,
            (),
            (),
            s=s,
            t=s.clone(),
            atol=1e-5,
        ),
        shows(
            "With all features of the student 10 times as large and turned",
            4,
            (),
            (),
            s=10 * t @ basis[:7],
            t=t,
            atol=1e-5,
        ),
        shows(
            "With one sample of the student 3 times as strong, the loss changes", 4, (), (), s=t * own, t=t
        ),
        shows(
            "With maps whose places are exchanged, in all samples alike, the loss is 0",
            4,
            (),
            (),
            s=s.flip(2, 3),
            t=s,
            atol=1e-5,
        ),
        shows("With a batch of two", 2, (4, 3, 2), (5,), teacher_requires_grad=True),
        shows("With a single sample", 1, (3, 2, 4), (6,), atol=1e-5),
        shows("With features of size 100", 4, (), (), s=100 * s, t=100 * t, dtype=torch.float64),
        shows("With features of size 1/20", 4, (), (), s=s / 20, t=t / 20, rtol=3e-3),
        shows("With maps of one pixel", 5, (4, 1, 1), (3, 1, 1), teacher_requires_grad=True),
        shows("When called a second time with the same inputs", 5, (3, 2, 4), (6, 4, 2), model_output=True),
    ]


def similarity_task() -> RelationTask:
    return RelationTask(
        ("fs", "ft"),
        "a scalar",
        similarity_preserving,
        similarity_cases,
        similarity_mistakes,
        constants=(1,),
        not_finite="Somewhere 0 is divided by 0 or a root is taken at 0, where its slope is infinite: the "
        "squared Frobenius norm needs no root.",
        example="fs = [[1., 0.], [1., 0.]] gives G = [[1, 1], [1, 1]] and rows 1/√2, 1/√2; ft = "
        "torch.eye(2) gives rows 1, 0 and 0, 1; the four squares add up to 1.172, and divided by 4 that is "
        "0.293.",
        misfit="Two shapes do not fit. Student and teacher have features of different sizes and only B in "
        "common: flatten each to (B, D) and compare the B x B matrices F Fᵀ, never features with features, "
        "nor products inside each sample (`bmm`).",
        shapes=lambda args: {
            (len(args[0]),) * n: "A loss is one number: add up all squared differences and divide by B²."
            for n in (1, 2, 3)
        },
        advice={
            "With features of size 1/20": "A constant is added to the norms that is not small beside them.",
        },
    )


# --- InfoNCE ---


def infonce_cases() -> list[Case]:
    def shows(law: str, B: int, D: int, tau: float, scale: float = 1.5, **options) -> Case:
        zs, zt = scale * normal(501 + B + D, B, D), scale * normal(607 + B + D, B, D)
        zs = zs + options.pop("pull", 0.5) * zt
        zs, zt = options.pop("zs", zs), options.pop("zt", zt)
        sizes = {"B": len(zs), "D": zs.shape[1], "tau": tau}
        return Case((zs, zt, tau), sizes, law, **{"rtol": 5e-4, "atol": 2e-6} | options)

    same = normal(9, 5, 4)
    lengths = torch.tensor([[20.0], [0.1], [3.0], [1.0], [7.0]], dtype=torch.float64)
    return [
        shows("", 5, 7, 0.5, model_output=True),
        shows("", 4, 3, 0.2, dtype=torch.float64, teacher_requires_grad=True),
        shows("", 6, 4, 2.0, scale=4.0, teacher_requires_grad=True, model_output=True),
        shows("", 3, 6, 0.7, scale=0.3, dtype=torch.float64),
        shows("At tau = 1", 5, 4, 1.0),
        shows("At tau = 0.07", 6, 5, 0.07, teacher_requires_grad=True),
        shows(
            "At the small tau 0.01, where student and teacher disagree",
            4,
            3,
            0.01,
            pull=-2.0,
            rtol=2e-3,
            atol=1e-3,
        ),
        shows(
            "At the very small tau 0.001", 4, 3, 0.001, pull=-2.0, dtype=torch.float64, rtol=2e-3, atol=1e-3
        ),
        shows(
            "With a student that equals the teacher (the loss is not 0)", 5, 4, 0.3, zs=same, zt=same.clone()
        ),
        shows(
            "With each row of the student scaled by a factor of its own",
            5,
            4,
            0.3,
            zs=same * lengths,
            zt=same.flip(1),
            rtol=2e-3,
        ),
        shows(
            "With equal rows in the batch",
            5,
            4,
            0.3,
            zs=repeated(same, 0, 2),
            zt=repeated(same.flip(0), 1, 2),
        ),
        shows("With a single sample", 1, 4, 0.3, atol=1e-5),
        shows("With a batch of two", 2, 5, 0.4, teacher_requires_grad=True),
        shows("With as many samples as numbers in a row", 4, 4, 0.6),
        shows("When called a second time with the same inputs", 5, 7, 0.5, model_output=True),
    ]


def infonce_task() -> RelationTask:
    return RelationTask(
        ("zs", "zt", "tau"),
        "a scalar",
        infonce,
        infonce_cases,
        infonce_mistakes,
        constants=(1,),
        not_finite="A softmax underflows to 0, or `exp` overflows, before the logarithm is taken. "
        "`F.cross_entropy` and `log_softmax` subtract the maximum first and stay finite.",
        example="for zs = torch.eye(2), zt = 3 · torch.eye(2), tau = 1 the cosines are [[1, 0], [0, 1]], "
        "and the loss is log(1 + exp(-1)) = 0.3133.",
        misfit="Two shapes do not fit. The cosines are a B x B matrix, zs @ zt.T; its right answers are "
        "`torch.arange(B)`.",
        shapes=lambda args: {
            (len(args[0]),): "A loss is one number: take the mean over the batch.",
            (len(args[0]),)
            * 2: "These are all pairs; take the cross-entropy of the rows against the diagonal.",
        },
        advice=dict.fromkeys(
            [
                "At tau = 0.07",
                "At the small tau 0.01, where student and teacher disagree",
                "At the very small tau 0.001",
            ],
            "The logarithm of a softmax loses small probabilities: is a number added to them, or are they "
            "clamped? `log_softmax` needs neither.",
        ),
    )


TASKS = {
    "similarity_preserving_loss": similarity_task(),
    "infonce_distillation_loss": infonce_task(),
}
