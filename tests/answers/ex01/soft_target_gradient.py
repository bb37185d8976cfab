# ruff: noqa
# Answers to soft_target_gradient: each block is what a learner might write.
import torch
import torch.nn.functional as F


def kl(s, t, T):
    return F.kl_div(F.log_softmax(s / T, 1), F.softmax(t / T, 1), reduction="batchmean")


# %% right: closed form
def soft_target_gradient(student_logits, teacher_logits, T):
    q, p = torch.softmax(student_logits / T, 1), torch.softmax(teacher_logits / T, 1)
    return T / len(q) * (q - p)


# %% right: without naming the axis, at which PyTorch warns
def soft_target_gradient(student_logits, teacher_logits, T):
    return T * (F.softmax(student_logits / T) - F.softmax(teacher_logits / T)) / student_logits.shape[0]


# %% right: autograd
def soft_target_gradient(student_logits, teacher_logits, T):
    s = student_logits.detach().clone().requires_grad_()
    (T**2 * kl(s, teacher_logits, T)).backward()
    return s.grad


# %% right: torch.autograd.grad of a clone
def soft_target_gradient(s, t, tau):
    s = s.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(tau * tau * kl(s, t, tau), s)
    return gradient


# %% right: torch.func
def soft_target_gradient(s, t, T):
    return torch.func.grad(lambda z: T**2 * kl(z, t, T))(s)


# %% right: through the soft cross-entropy, which has the same gradient
def soft_target_gradient(s, t, T):
    z = s.detach().clone().requires_grad_()
    return torch.autograd.grad(T * T * F.cross_entropy(z / T, F.softmax(t / T, 1)), z)[0]


# %% wrong: sign -> The sign is wrong
def soft_target_gradient(s, t, T):
    return T / len(s) * (torch.softmax(t / T, 1) - torch.softmax(s / T, 1))


# %% wrong: no mean over the batch -> The mean over the batch is missing
def soft_target_gradient(s, t, T):
    return T * (torch.softmax(s / T, 1) - torch.softmax(t / T, 1))


# %% wrong: T squared -> The factor is T², ours is T
def soft_target_gradient(s, t, T):
    return T**2 / len(s) * (torch.softmax(s / T, 1) - torch.softmax(t / T, 1))


# %% wrong: no factor T -> leaves a factor T
def soft_target_gradient(s, t, T):
    return (torch.softmax(s / T, 1) - torch.softmax(t / T, 1)) / len(s)


# %% wrong: without the T squared of the loss -> without the factor T²
def soft_target_gradient(s, t, T):
    z = s.clone().requires_grad_()
    return torch.autograd.grad(kl(z, t, T), z)[0]


# %% wrong: the bare difference -> The factor T/B is missing
def soft_target_gradient(s, t, T):
    return torch.softmax(s / T, 1) - torch.softmax(t / T, 1)


# %% wrong: probabilities without temperature -> at temperature T
def soft_target_gradient(s, t, T):
    return T / len(s) * (torch.softmax(s, 1) - torch.softmax(t, 1))


# %% wrong: divided by the classes as well -> You divide by B·C
def soft_target_gradient(s, t, T):
    return T * (torch.softmax(s / T, 1) - torch.softmax(t / T, 1)) / s.numel()


# %% wrong: over the batch -> runs over the batch
def soft_target_gradient(s, t, T):
    return T / len(s) * (torch.softmax(s / T, 0) - torch.softmax(t / T, 0))


# %% wrong: the limit for high temperature -> limit for high temperature
def soft_target_gradient(s, t, T):
    return (s - t) / s.numel()


# %% wrong: the caller's tensor is switched -> `student_logits.requires_grad`
def soft_target_gradient(s, t, T):
    s.requires_grad_()
    return torch.autograd.grad(T**2 * kl(s, t, T), s)[0]


# %% wrong: the loss instead of its gradient -> has the shape
def soft_target_gradient(s, t, T):
    return T**2 * kl(s, t, T)


# %% wrong: no graph to differentiate -> The loss has no graph
def soft_target_gradient(s, t, T):
    return torch.autograd.grad(T**2 * kl(s, t, T), s)[0]


# %% trivial: 0
def soft_target_gradient(s, t, T):
    return 0


# %% trivial: zeros
def soft_target_gradient(s, t, T):
    return torch.zeros_like(s)


# %% trivial: NaN
def soft_target_gradient(s, t, T):
    return s * float("nan")


# %% trivial: the input
def soft_target_gradient(s, t, T):
    return s
