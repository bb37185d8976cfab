# ruff: noqa
# Answers to kd_train_step: each block is what a learner might write. The text after `->` must be in the feedback.
import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


def kd_loss(s, t, y, T, alpha):
    soft = F.kl_div(F.log_softmax(s / T, dim=1), F.softmax(t / T, dim=1), reduction="batchmean")
    return alpha * T * T * soft + (1 - alpha) * F.cross_entropy(s, y)


# %% right: teacher first
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        teacher_logits = teacher(x)
    loss = kd_loss(student(x), teacher_logits, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% right: student first, zeros instead of None, other names
def kd_train_step(net, big_net, inputs, targets, opt, tau=4.0, weight=0.9):
    opt.zero_grad(set_to_none=False)
    net.train(True)
    z = net(inputs)
    big_net.train(False)
    v = big_net(inputs).detach()
    loss = kd_loss(z, v, targets, tau, weight)
    loss.backward()
    opt.step()
    return float(loss)


# %% right: cleared through the model, and once more at the end
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.zero_grad()
    teacher.eval()
    student.train()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach().item()


# %% right: gradients set to None by hand
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train(), teacher.eval()
    for parameter in student.parameters():
        parameter.grad = None
    loss = kd_loss(student(x), torch.no_grad()(teacher)(x), y, T, alpha)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% right: with a closure
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)

    def closure():
        optimizer.zero_grad()
        loss = kd_loss(student(x), t, y, T, alpha)
        loss.backward()
        return loss

    return optimizer.step(closure).item()


# %% right: torch.autograd.grad
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters)):
        parameter.grad = gradient
    optimizer.step()
    return loss.item()


# %% right: a frozen teacher
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    teacher.eval().requires_grad_(False)
    student.train()
    loss = kd_loss(student(x), teacher(x), y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% right: modes put back afterwards
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    modes = student.training, teacher.training
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    optimizer.zero_grad()
    loss = kd_loss(student(x), t, y, T, alpha)
    loss.backward()
    optimizer.step()
    student.train(modes[0])
    teacher.train(modes[1])
    return loss.item()


# %% right: a copy of the teacher answers
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    teacher = copy.deepcopy(teacher).eval()
    student.train()
    with torch.no_grad():
        t = teacher(x)
    optimizer.zero_grad()
    loss = kd_loss(student(x), t, y, T, alpha)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% right: the loss written out, soft cross-entropy minus entropy
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        p = (teacher(x) / T).softmax(1)
    s = student(x)
    log_q = (s / T).log_softmax(1)
    soft = T**2 * (torch.xlogy(p, p) - p * log_q).sum(1).mean()
    loss = alpha * soft + (1 - alpha) * nn.CrossEntropyLoss()(s, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% right: the two terms backward one after the other
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    s = student(x)
    optimizer.zero_grad()
    soft = kd_loss(s, t, y, T, 1.0) * alpha
    hard = F.cross_entropy(s, y) * (1 - alpha)
    soft.backward(retain_graph=True)
    hard.backward()
    optimizer.step()
    return soft.item() + hard.item()


# %% right: the library's loss
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    from kdcourse import losses

    student.train()
    teacher.eval()
    loss = losses.kd_loss(student(x), teacher(x), y, temperature=T, alpha=alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% right: gradients switched off and on again
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    torch.set_grad_enabled(False)
    t = teacher(x)
    torch.set_grad_enabled(True)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% right: a hook that is removed, random numbers used, a numpy float
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    torch.rand(3)
    student.train()
    teacher.eval()
    handle = student.register_forward_hook(lambda module, args, output: None)
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    handle.remove()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return np.float64(loss.item())


# %% right: a callable object
class Step:
    def __call__(self, student, teacher, x, y, optimizer, T, alpha):
        student.train()
        teacher.eval()
        with torch.no_grad():
            t = teacher(x)
        loss = kd_loss(student(x), t, y, T, alpha)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()


kd_train_step = Step()


# %% wrong: teacher not in evaluation mode -> Call `teacher.eval()`
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: teacher.eval() too late -> Call `teacher.eval()`
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    with torch.no_grad():
        t = teacher(x)
    teacher.eval()
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: a wrapper puts the teacher back into training mode -> Call `teacher.eval()`
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    teacher.eval()
    both = nn.ModuleList([student, teacher])
    both.train()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: only the teacher's top module in evaluation mode -> Call `teacher.eval()`
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.training = False
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: student not in training mode -> Call `student.train()`
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: a gradient reaches the teacher -> `eval()` does not stop gradients
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    loss = kd_loss(student(x), teacher(x), y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: a gradient reaches the teacher and is swept away -> A gradient reaches the teacher's parameters
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    loss = kd_loss(student(x), teacher(x), y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    teacher.zero_grad()
    return loss.item()


# %% wrong: teacher trained as well -> The teacher was changed
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    loss = kd_loss(student(x), teacher(x), y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter -= 0.1 * parameter.grad
            parameter.grad = None
    return loss.item()


# %% wrong: old gradients not cleared -> The old gradients are not cleared
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: cleared only after the step -> The old gradients are not cleared
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


# %% wrong: cleared between backward and step -> `zero_grad()` came after it
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


# %% wrong: set to zero between backward and step -> between `backward()` and `step()`
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    loss.backward()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()
    return loss.item()


# %% wrong: step before backward -> `optimizer.step()` runs before `backward()`
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.step()
    student.zero_grad()
    return loss.item()


# %% wrong: no backward -> `backward()` was not called
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


# %% wrong: no step -> was called 0 times
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    return loss.item()


# %% wrong: two steps -> was called 2 times
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss.item()


# %% wrong: its own optimizer -> was called 0 times
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    optimizer = torch.optim.SGD(student.parameters(), lr=optimizer.param_groups[0]["lr"])
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: parameters added to the optimizer -> The optimizer's parameters or settings were changed
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)]})
    return loss.item()


# %% wrong: two forward passes of the student -> 2 forward passes
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    soft = kd_loss(student(x), t, y, T, 1.0)
    hard = F.cross_entropy(student(x), y)
    loss = alpha * soft + (1 - alpha) * hard
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: the loss after the step -> 2 forward passes
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return kd_loss(student(x), t, y, T, alpha).item()


# %% wrong: student under no_grad -> The loss has no graph
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t, s = teacher(x), student(x)
    loss = kd_loss(s, t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: noise on the student's inputs -> the same inputs
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x + 0.1 * torch.randn_like(x)), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: inputs changed in place -> changes its argument `x`
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    x.sub_(x.mean())
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: returns the tensor -> Return `loss.item()`
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


# %% wrong: returns nothing -> returns None
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


# %% wrong: returns the sum over the batch -> The returned loss is not right
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item() * len(x)


# %% wrong: alpha reversed -> alpha weights the wrong term
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, 1 - alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: no T squared -> T² is missing
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        p = F.softmax(teacher(x) / T, 1)
    s = student(x)
    soft = F.kl_div(F.log_softmax(s / T, 1), p, reduction="batchmean")
    loss = alpha * soft + (1 - alpha) * F.cross_entropy(s, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: temperature on the teacher only -> Only the teacher's logits
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        p = F.softmax(teacher(x) / T, 1)
    s = student(x)
    soft = F.kl_div(F.log_softmax(s, 1), p, reduction="batchmean")
    loss = alpha * T**2 * soft + (1 - alpha) * F.cross_entropy(s, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: default reduction of kl_div -> exactly 1/C of ours
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        p = F.softmax(teacher(x) / T, 1)
    s = student(x)
    loss = alpha * T**2 * F.kl_div(F.log_softmax(s / T, 1), p) + (1 - alpha) * F.cross_entropy(s, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: soft cross-entropy -> soft cross-entropy
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        p = F.softmax(teacher(x) / T, 1)
    s = student(x)
    loss = alpha * T**2 * F.cross_entropy(s / T, p) + (1 - alpha) * F.cross_entropy(s, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: the labels are forgotten -> cross-entropy with the labels is missing
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = alpha * kd_loss(student(x), t, y, T, 1.0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: student detached in the soft term -> detached in the soft term
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    s = student(x)
    loss = alpha * kd_loss(s.detach(), t, y, T, 1.0) + (1 - alpha) * F.cross_entropy(s, y) + 0 * s.sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: gradients clipped -> are not where one step brings them
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(student.parameters(), 10.0)
    optimizer.step()
    return loss.item()


# %% wrong: momentum thrown away -> are not where one step brings them
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.state.clear()
    optimizer.step()
    return loss.item()


# %% wrong: uphill -> uphill
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    (-loss).backward()
    optimizer.step()
    return loss.item()


# %% wrong: a hook stays -> A hook is left
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    kept = []
    student.train()
    teacher.eval()
    teacher.first.register_forward_hook(lambda module, args, output: kept.append(output))
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: gradients left switched off -> gradients are switched off
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    torch.set_grad_enabled(False)
    return loss.item()


# %% wrong: a copy of the student learns -> The student is never called
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    student = copy.deepcopy(student).train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% wrong: student and teacher exchanged -> training mode
def kd_train_step(teacher, student, x, y, optimizer, T, alpha):
    student.train()
    teacher.eval()
    with torch.no_grad():
        t = teacher(x)
    loss = kd_loss(student(x), t, y, T, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% trivial: 0
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    return 0


# %% trivial: 1.0
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    return 1.0


# %% trivial: NaN
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    return float("nan")


# %% trivial: the input
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    return x


# %% trivial: a step without a loss
def kd_train_step(student, teacher, x, y, optimizer, T, alpha):
    optimizer.step()
    return 0.0
