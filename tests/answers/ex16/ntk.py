# ruff: noqa
# Answers to ntk: each block is what a learner might write.
import copy
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, jacfwd, jacrev, vjp, vmap


@contextmanager
def evaluation(model):
    flags = {m: m.training for m in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for m, flag in flags.items():
            m.training = flag


def trainable(model):
    return [p for p in model.parameters() if p.requires_grad]


def rows(model, x, params=None):
    """(N, K, P), one backward pass for each output."""
    params = trainable(model) if params is None else params
    out = []
    for i in range(len(x)):
        f = model(x[i : i + 1]).flatten()
        each = [torch.autograd.grad(a, params, retain_graph=True, allow_unused=True) for a in f]
        out.append(
            torch.stack(
                [
                    torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(gs, params)])
                    for gs in each
                ]
            )
        )
    return torch.stack(out)


# %% right: autograd.grad for each input and output
def ntk(model, x1, x2):
    with evaluation(model):
        a, b = rows(model, x1), rows(model, x2)
    return a.flatten(1) @ b.flatten(1).T


# %% right: one forward pass for the batch, rows by retain_graph
def ntk(model, x1, x2):
    was = [(m, m.training) for m in model.modules()]
    model.eval()
    params = [p for p in model.parameters() if p.requires_grad]

    def jacobian(x):
        f = model(x)
        grads = []
        for n in range(f.shape[0]):
            for a in range(f.shape[1]):
                g = torch.autograd.grad(f[n, a], params, retain_graph=True)
                grads.append(torch.cat([t.reshape(-1) for t in g]))
        return torch.stack(grads).reshape(f.shape[0], f.shape[1], -1)

    kernel = torch.einsum("iap,jap->ij", jacobian(x1), jacobian(x2))
    for m, flag in was:
        m.train(flag) if not list(m.children()) else setattr(m, "training", flag)
    return kernel


# %% right: functional_call, vmap and jacrev
def ntk(model, x1, x2):
    with evaluation(model):
        params = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
        fixed = {n: p.detach() for n, p in model.named_parameters() if not p.requires_grad}
        fixed |= dict(model.named_buffers())

        def f(params, x):
            return functional_call(model, (params, fixed), (x.unsqueeze(0),)).squeeze(0)

        j1 = vmap(jacrev(f), (None, 0))(params, x1)
        j2 = vmap(jacrev(f), (None, 0))(params, x2)
        return sum(torch.einsum("na...,ma...->nm", j1[k], j2[k]) for k in params)


# %% right: jacrev of the whole batch
def ntk(model, x1, x2):
    with evaluation(model):
        params = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
        f = lambda params, x: functional_call(model, params, (x,))
        j1, j2 = jacrev(f)(params, x1), jacrev(f)(params, x2)
    kernel = 0
    for a, b in zip(j1.values(), j2.values()):
        kernel = kernel + a.flatten(2).flatten(1) @ b.flatten(2).flatten(1).mT
    return kernel


# %% right: jacfwd
def ntk(model, x1, x2):
    with evaluation(model):
        params = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
        f = lambda params, x: functional_call(model, params, (x,))
        j1, j2 = (jacfwd(f)(params, x) for x in (x1, x2))
    return torch.stack([j1[n].flatten(1) @ j2[n].flatten(1).T for n in params]).sum(0)


# %% right: a copy of the model, backward and .grad of the copy
def ntk(model, x1, x2):
    model = copy.deepcopy(model).eval()

    def gradients(x):
        table = []
        for i in range(len(x)):
            K = model(x[i : i + 1]).shape[1]
            row = []
            for a in range(K):
                model.zero_grad()
                model(x[i : i + 1])[0, a].backward()
                row.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.requires_grad]))
            table.append(torch.cat(row))
        return torch.stack(table)

    return gradients(x1) @ gradients(x2).t()


# %% right: J J^T of all inputs together, the block that is wanted, traced over outputs
def ntk(model, x1, x2):
    with evaluation(model):
        j = rows(model, torch.cat([x1, x2]))
    n, k, p = j.shape
    full = (j.reshape(n * k, p) @ j.reshape(n * k, p).T).reshape(n, k, n, k)
    return full.diagonal(dim1=1, dim2=3).sum(-1)[: len(x1), len(x1) :]


# %% right: block by block of the parameters
def ntk(model, x1, x2):
    with evaluation(model):
        total = torch.zeros(len(x1), len(x2), dtype=x1.dtype)
        for p in trainable(model):
            a, b = rows(model, x1, [p]), rows(model, x2, [p])
            total += torch.tensordot(a, b, dims=([1, 2], [1, 2]))
    return total


# %% right: torch.autograd.functional.jacobian
def ntk(model, x1, x2):
    with evaluation(model):
        names = [n for n, p in model.named_parameters() if p.requires_grad]
        values = tuple(p.detach() for p in trainable(model))

        def jacobian(x):
            f = lambda *ps: functional_call(model, dict(zip(names, ps)), (x,))
            parts = torch.autograd.functional.jacobian(f, values)
            return torch.cat([part.reshape(*part.shape[:2], -1) for part in parts], 2)

        a, b = jacobian(x1), jacobian(x2)
    return torch.einsum("nkp,mkp->nm", a, b)


# %% right: vector-Jacobian products against one-hot outputs
def ntk(model, x1, x2):
    with evaluation(model):
        params = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}

        def grads(x):
            out = []
            for i in range(len(x)):
                f, pull = vjp(lambda ps: functional_call(model, ps, (x[i : i + 1],)).flatten(), params)
                each = vmap(lambda v: pull(v)[0])(torch.eye(len(f), dtype=f.dtype))
                out.append(torch.cat([g.flatten(1) for g in each.values()], 1).flatten())
            return torch.stack(out)

        return grads(x1) @ grads(x2).T


# %% right: is_grads_batched
def ntk(model, x1, x2):
    with evaluation(model):
        params = trainable(model)

        def jacobian(x):
            f = model(x)
            eye = torch.eye(f.numel(), dtype=f.dtype).reshape(f.numel(), *f.shape)
            gs = torch.autograd.grad(f, params, eye, is_grads_batched=True)
            return torch.cat([g.flatten(1) for g in gs], 1).reshape(*f.shape, -1)

        return (jacobian(x1)[:, None] * jacobian(x2)[None]).sum((2, 3))


# %% right: the library
def ntk(model, x1, x2):
    from kdcourse.theory import empirical_ntk

    return empirical_ntk(model, x1, x2)


# %% right: an entry at a time, in float64 on a copy
def ntk(model, x1, x2):
    twin = copy.deepcopy(model).double()
    for m in twin.modules():
        m.training = False
    params = [p for p in twin.parameters() if p.requires_grad]
    K = twin(x1[:1].double()).shape[1]

    def gradient(x, a):
        return torch.autograd.grad(twin(x[None].double())[0, a], params)

    first = [[gradient(x, a) for a in range(K)] for x in x1]
    second = [[gradient(x, a) for a in range(K)] for x in x2]
    kernel = torch.empty(len(x1), len(x2), dtype=torch.float64)
    for i, gi in enumerate(first):
        for j, gj in enumerate(second):
            kernel[i, j] = sum((u * v).sum() for a in range(K) for u, v in zip(gi[a], gj[a]))
    return kernel.to(x1.dtype)


# %% right: backward on the model itself, and its gradients put back
def ntk(model, x1, x2):
    kept = {p: p.grad for p in model.parameters()}
    table = {}
    with evaluation(model):
        for name, x in (("1", x1), ("2", x2)):
            table[name] = []
            for i in range(len(x)):
                for a in range(model(x[:1]).shape[-1]):
                    for p in model.parameters():
                        p.grad = None
                    model(x[i : i + 1])[0, a].backward()
                    table[name].append(torch.cat([p.grad.flatten() for p in trainable(model)]))
    for p, g in kept.items():
        p.grad = g
    one, two = (torch.stack(table[n]).reshape(len(x), -1) for n, x in (("1", x1), ("2", x2)))
    return one @ two.T


# %% right: only dropout and batch norm put into evaluation mode
def ntk(model, x1, x2):
    quiet = [m for m in model.modules() if isinstance(m, (nn.Dropout, nn.BatchNorm1d, nn.BatchNorm2d)) and m.training]
    for m in quiet:
        m.eval()
    a, b = rows(model, x1), rows(model, x2)
    for m in quiet:
        m.train()
    return a.flatten(1) @ b.flatten(1).T


# %% right: products with the kernel itself, a pull-back and a push-forward
def ntk(model, x1, x2):
    from torch.func import jvp

    with evaluation(model):
        params = {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}
        f1 = lambda ps: functional_call(model, ps, (x1,))
        f2 = lambda ps: functional_call(model, ps, (x2,))
        out, pull = vjp(f2, params)
        kernel = torch.zeros(len(x1), len(x2), dtype=out.dtype)
        for j in range(out.shape[0]):
            for a in range(out.shape[1]):
                e = torch.zeros_like(out)
                e[j, a] = 1
                kernel[:, j] += jvp(f1, (params,), (pull(e)[0],))[1][:, a]
    return kernel


# %% right: flags of dropout and batch norm through a copy, the result with a graph
def ntk(model, x1, x2):
    twin = copy.deepcopy(model)
    twin.train(False)
    params = [p for p in twin.parameters() if p.requires_grad]

    def jacobian(x):
        f = twin(x)
        return torch.stack(
            [
                torch.cat([g.reshape(-1) for g in torch.autograd.grad(v, params, create_graph=True, allow_unused=True, materialize_grads=True)])
                for v in f.reshape(-1)
            ]
        ).reshape(len(x), -1)

    return jacobian(x1).matmul(jacobian(x2).transpose(0, 1))


# %% right: other flags meanwhile, and all of them put back
def ntk(model, x1, x2):
    modes = {name: m.training for name, m in model.named_modules()}
    wanted = {name: p.requires_grad for name, p in model.named_parameters()}
    try:
        model.eval().requires_grad_(True)
        named = dict(model.named_parameters())
        used = [named[name] for name, flag in wanted.items() if flag]
        a, b = rows(model, x1, used), rows(model, x2, used)
    finally:
        for name, m in model.named_modules():
            m.training = modes[name]
        for name, p in model.named_parameters():
            p.requires_grad_(wanted[name])
    return torch.stack([a[:, k] @ b[:, k].T for k in range(a.shape[1])]).sum(0)


# %% wrong: only linear layers and convolutions -> Only linear layers and convolutions take part
def ntk(model, x1, x2):
    with evaluation(model):
        params = [
            p
            for m in model.modules()
            if isinstance(m, (nn.Linear, nn.Conv2d))
            for p in m.parameters()
            if p.requires_grad
        ]
        return rows(model, x1, params).flatten(1) @ rows(model, x2, params).flatten(1).T


# %% wrong: two entries of the model's own parameters, a state dict -> nor have the tensors of a `state_dict()`
def ntk(model, x1, x2):
    with evaluation(model):
        params = [v for v in model.state_dict().values() if v.is_floating_point()]
        return rows(model, x1, params).flatten(1) @ rows(model, x2, params).flatten(1).T


# %% wrong: training mode -> The model runs in training mode
def ntk(model, x1, x2):
    return rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T


# %% wrong: training mode, batch by batch -> The model runs in training mode
def ntk(model, x1, x2):
    params = trainable(model)

    def jacobian(x):
        f = model(x)
        return torch.stack(
            [torch.cat([g.flatten() for g in torch.autograd.grad(v, params, retain_graph=True)]) for v in f.flatten()]
        ).reshape(*f.shape, -1)

    return torch.einsum("nkp,mkp->nm", jacobian(x1), jacobian(x2))


# %% wrong: training mode on purpose -> The model runs in training mode
def ntk(model, x1, x2):
    flags = [(m, m.training) for m in model.modules()]
    model.train()
    a, b = rows(model, x1), rows(model, x2)
    for m, flag in flags:
        m.training = flag
    return a.flatten(1) @ b.flatten(1).T


# %% wrong: only dropout is put into evaluation mode -> training mode
def ntk(model, x1, x2):
    drops = [m for m in model.modules() if isinstance(m, nn.Dropout) and m.training]
    for m in drops:
        m.eval()
    a, b = rows(model, x1), rows(model, x2)
    for m in drops:
        m.train()
    return a.flatten(1) @ b.flatten(1).T


# %% wrong: evaluation mode is left -> The model is left in evaluation mode
def ntk(model, x1, x2):
    model.eval()
    return rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T


# %% wrong: always put back into training mode -> The model is left in training mode
def ntk(model, x1, x2):
    model.eval()
    kernel = rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T
    model.train()
    return kernel


# %% right: one flag for all modules -> A remark, which costs nothing here. With a batch norm in evaluation
def ntk(model, x1, x2):
    was = model.training
    model.eval()
    kernel = rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T
    model.train(was)
    return kernel


# %% wrong: frozen parameters take part -> Frozen parameters take part
def ntk(model, x1, x2):
    twin = copy.deepcopy(model).eval().requires_grad_()
    return rows(twin, x1).flatten(1) @ rows(twin, x2).flatten(1).T


# %% wrong: frozen parameters take part in functional_call -> Frozen parameters take part
def ntk(model, x1, x2):
    with evaluation(model):
        params = {n: p.detach() for n, p in model.named_parameters()}
        f = lambda params, x: functional_call(model, params, (x,))
        j1, j2 = jacrev(f)(params, x1), jacrev(f)(params, x2)
    return sum(j1[n].flatten(1) @ j2[n].flatten(1).T for n in params)


# %% wrong: frozen parameters are asked -> Frozen parameters have no gradient
def ntk(model, x1, x2):
    with evaluation(model):
        params = list(model.parameters())
        return rows(model, x1, params).flatten(1) @ rows(model, x2, params).flatten(1).T


# %% wrong: requires_grad is switched on -> Frozen parameters take part
def ntk(model, x1, x2):
    with evaluation(model):
        for p in model.parameters():
            p.requires_grad_(True)
        return rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T


# %% wrong: flags switched off at the end -> requires_grad` is False
def ntk(model, x1, x2):
    with evaluation(model):
        kernel = rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T
    model.requires_grad_(False)
    return kernel


# %% wrong: only weights by name -> Only parameters called `weight`
def ntk(model, x1, x2):
    with evaluation(model):
        params = [p for n, p in model.named_parameters() if n.endswith("weight") and p.requires_grad]
        return rows(model, x1, params).flatten(1) @ rows(model, x2, params).flatten(1).T


# %% wrong: only weight matrices -> no biases
def ntk(model, x1, x2):
    with evaluation(model):
        params = [p for p in trainable(model) if p.ndim > 1]
        return rows(model, x1, params).flatten(1) @ rows(model, x2, params).flatten(1).T


# %% wrong: only biases -> Only biases take part
def ntk(model, x1, x2):
    with evaluation(model):
        params = [p for p in trainable(model) if p.ndim <= 1]
        return rows(model, x1, params).flatten(1) @ rows(model, x2, params).flatten(1).T


# %% wrong: the last parameter overwrites the others -> Only the last parameter takes part
def ntk(model, x1, x2):
    with evaluation(model):
        for p in trainable(model):
            kernel = rows(model, x1, [p]).flatten(1) @ rows(model, x2, [p]).flatten(1).T
    return kernel


# %% wrong: only the last layer -> Only the last layer takes part
def ntk(model, x1, x2):
    with evaluation(model):
        owner = [n for n, p in model.named_parameters() if p.requires_grad][-1].rpartition(".")[0]
        params = [
            p for n, p in model.named_parameters() if p.requires_grad and n.rpartition(".")[0] == owner
        ]
        return rows(model, x1, params).flatten(1) @ rows(model, x2, params).flatten(1).T


# %% wrong: the first output only -> Only the first output counts
def ntk(model, x1, x2):
    with evaluation(model):
        return rows(model, x1)[:, 0] @ rows(model, x2)[:, 0].T


# %% wrong: the largest output -> Only the largest output of each input counts
def ntk(model, x1, x2):
    with evaluation(model):
        a, b = rows(model, x1), rows(model, x2)
        i, j = model(x1).argmax(1), model(x2).argmax(1)
    return a[torch.arange(len(a)), i] @ b[torch.arange(len(b)), j].T


# %% wrong: the gradient of the sum of the outputs -> the kernel of the *sum* of the outputs
def ntk(model, x1, x2):
    params = trainable(model)
    with evaluation(model):
        a, b = (
            torch.stack(
                [torch.cat([g.flatten() for g in torch.autograd.grad(model(r[None]).sum(), params)]) for r in x]
            )
            for x in (x1, x2)
        )
    return a @ b.T


# %% wrong: the gradient of the mean of the outputs -> the kernel of the *mean* of the outputs
def ntk(model, x1, x2):
    with evaluation(model):
        return rows(model, x1).mean(1) @ rows(model, x2).mean(1).T


# %% wrong: outputs averaged -> The outputs are averaged
def ntk(model, x1, x2):
    with evaluation(model):
        return torch.einsum("nkp,mkp->nmk", rows(model, x1), rows(model, x2)).mean(2)


# %% wrong: a block for each pair of outputs -> The outputs are still there
def ntk(model, x1, x2):
    with evaluation(model):
        return torch.einsum("nkp,mlp->nmkl", rows(model, x1), rows(model, x2))


# %% wrong: one kernel for each output -> The outputs are still there
def ntk(model, x1, x2):
    with evaluation(model):
        return torch.einsum("nkp,mkp->nmk", rows(model, x1), rows(model, x2))


# %% wrong: all outputs against all -> separates them
def ntk(model, x1, x2):
    with evaluation(model):
        a, b = rows(model, x1).flatten(0, 1), rows(model, x2).flatten(0, 1)
    return a @ b.T


# %% wrong: softmax outputs -> through a softmax
def ntk(model, x1, x2):
    with evaluation(model):
        net = nn.Sequential(model, nn.Softmax(1))
        return rows(net, x1).flatten(1) @ rows(net, x2).flatten(1).T


# %% wrong: log-softmax outputs -> through a log-softmax
def ntk(model, x1, x2):
    with evaluation(model):
        net = nn.Sequential(model, nn.LogSoftmax(1))
        return rows(net, x1).flatten(1) @ rows(net, x2).flatten(1).T


# %% wrong: transposed -> It is transposed
def ntk(model, x1, x2):
    with evaluation(model):
        return rows(model, x2).flatten(1) @ rows(model, x1).flatten(1).T


# %% wrong: x1 twice -> `x1` is used twice
def ntk(model, x1, x2):
    with evaluation(model):
        return rows(model, x1).flatten(1) @ rows(model, x1).flatten(1).T


# %% wrong: x2 twice -> `x2` is used twice
def ntk(model, x1, x2):
    with evaluation(model):
        return rows(model, x2).flatten(1) @ rows(model, x2).flatten(1).T


# %% wrong: all inputs together -> kernel of all inputs together
def ntk(model, x1, x2):
    with evaluation(model):
        j = rows(model, torch.cat([x1, x2])).flatten(1)
    return j @ j.T


# %% wrong: J^T J -> must run over the parameters
def ntk(model, x1, x2):
    with evaluation(model):
        j = rows(model, torch.cat([x1, x2])).flatten(0, 1)
    return j.T @ j


# %% wrong: normalised -> normalised to cosines
def ntk(model, x1, x2):
    with evaluation(model):
        a, b = rows(model, x1).flatten(1), rows(model, x2).flatten(1)
    return F.normalize(a, dim=1) @ F.normalize(b, dim=1).T


# %% wrong: divided by the number of parameters -> divided by their number
def ntk(model, x1, x2):
    with evaluation(model):
        a, b = rows(model, x1), rows(model, x2)
    return a.flatten(1) @ b.flatten(1).T / a.shape[2]


# %% wrong: divided by the number of inputs -> divided by N1
def ntk(model, x1, x2):
    with evaluation(model):
        return rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T / len(x1)


# %% wrong: absolute values -> The sign of the inner products is lost
def ntk(model, x1, x2):
    with evaluation(model):
        return (rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T).abs()


# %% wrong: distances of gradients -> distances between gradients
def ntk(model, x1, x2):
    with evaluation(model):
        return torch.cdist(rows(model, x1).flatten(1), rows(model, x2).flatten(1))


# %% wrong: inner products of outputs -> inner products of the outputs
def ntk(model, x1, x2):
    with evaluation(model):
        return model(x1) @ model(x2).T


# %% wrong: gradients with respect to the inputs -> with respect to the *inputs*
def ntk(model, x1, x2):
    with evaluation(model):
        one = lambda x: model(x[None]).flatten()
        a, b = (torch.stack([jacrev(one)(r).flatten() for r in x]) for x in (x1, x2))
    return a @ b.T


# %% wrong: gradients are left in .grad -> `backward()` leaves gradients
def ntk(model, x1, x2):
    def gradients(x):
        table = []
        for i in range(len(x)):
            for a in range(model(x[:1]).shape[1]):
                for p in model.parameters():
                    p.grad = None
                model(x[i : i + 1])[0, a].backward()
                table.append(torch.cat([p.grad.flatten() for p in trainable(model)]))
        return torch.stack(table).reshape(len(x), -1)

    with evaluation(model):
        return gradients(x1) @ gradients(x2).T


# %% wrong: gradients are thrown away in the end -> zero_grad
def ntk(model, x1, x2):
    with evaluation(model):
        kernel = rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T
    model.zero_grad()
    return kernel


# %% wrong: gradients add up -> must be cleared before each
def ntk(model, x1, x2):
    twin = copy.deepcopy(model).eval()

    def gradients(x):
        table = []
        for i in range(len(x)):
            for a in range(twin(x[:1]).shape[1]):
                twin(x[i : i + 1])[0, a].backward()
                table.append(torch.cat([p.grad.flatten() for p in trainable(twin)]))
        return torch.stack(table).reshape(len(x), -1)

    return gradients(x1) @ gradients(x2).T


# %% wrong: the model is converted -> converts the caller's model
def ntk(model, x1, x2):
    dtype = x1.dtype
    with evaluation(model):
        model.double()
        return (rows(model, x1.double()).flatten(1) @ rows(model, x2.double()).flatten(1).T).to(dtype)


# %% wrong: detached parameters -> There is no graph to differentiate
def ntk(model, x1, x2):
    with evaluation(model), torch.no_grad():
        return rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T


# %% wrong: the output is detached -> There is no graph to differentiate
def ntk(model, x1, x2):
    params = trainable(model)
    with evaluation(model):
        grads = [torch.autograd.grad(model(x[None]).detach()[0, 0], params) for x in x1]
    return grads


# %% wrong: single inputs without a batch axis -> without its batch axis
def ntk(model, x1, x2):
    params = trainable(model)
    with evaluation(model):
        a, b = (
            torch.stack(
                [
                    torch.stack(
                        [
                            torch.cat([g.flatten() for g in torch.autograd.grad(v, params, retain_graph=True)])
                            for v in model(r)
                        ]
                    )
                    for r in x
                ]
            )
            for x in (x1, x2)
        )
    return a.flatten(1) @ b.flatten(1).T


# %% wrong: a gradient of the vector -> one number at a time
def ntk(model, x1, x2):
    params = trainable(model)
    with evaluation(model):
        a, b = ([torch.autograd.grad(model(r[None]), params) for r in x] for x in (x1, x2))
    return torch.stack([torch.stack([sum((u * v).sum() for u, v in zip(g, h)) for h in b]) for g in a])


# %% wrong: the graph is freed -> retain_graph=True
def ntk(model, x1, x2):
    params = trainable(model)
    with evaluation(model):
        f = model(x1)
        a = [torch.autograd.grad(v, params) for v in f.flatten()]
    return a


# %% wrong: a list of lists -> expected is a tensor of floating-point numbers
def ntk(model, x1, x2):
    with evaluation(model):
        return (rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T).tolist()


# %% wrong: numpy -> expected is a tensor of floating-point numbers
def ntk(model, x1, x2):
    with evaluation(model):
        return (rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T).numpy()


# %% wrong: a hook is left -> A hook is left
def ntk(model, x1, x2):
    model.register_forward_hook(lambda *args: None)
    with evaluation(model):
        return rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T


# %% wrong: a step is taken -> the parameter
def ntk(model, x1, x2):
    with evaluation(model):
        kernel = rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T
        with torch.no_grad():
            for p in trainable(model):
                p -= 1e-3 * p
    return kernel


# %% wrong: the statistics of batch norm are reset -> running statistics
def ntk(model, x1, x2):
    with evaluation(model):
        kernel = rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T
    for m in model.modules():
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            m.reset_running_stats()
    return kernel


# %% wrong: the inputs are normalised in place -> changes its argument `x1`
def ntk(model, x1, x2):
    x1 /= x1.norm(dim=1, keepdim=True)
    with evaluation(model):
        return rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T


# %% wrong: parameters are replaced -> other objects than before
def ntk(model, x1, x2):
    with evaluation(model):
        for m in model.modules():
            for n, p in list(m._parameters.items()):
                if p is not None:
                    new = nn.Parameter(p.detach().clone(), p.requires_grad)
                    new.grad = p.grad
                    setattr(m, n, new)
        return rows(model, x1).flatten(1) @ rows(model, x2).flatten(1).T


# %% wrong: the first output, and only weights -> Two things
def ntk(model, x1, x2):
    with evaluation(model):
        params = [p for p in trainable(model) if p.ndim > 1]
        return rows(model, x1, params)[:, 0] @ rows(model, x2, params)[:, 0].T


# %% wrong: the sum of the outputs, divided by the number of parameters -> Two things
def ntk(model, x1, x2):
    with evaluation(model):
        a, b = rows(model, x1).sum(1), rows(model, x2).sum(1)
        return a @ b.T / a.shape[1]


# %% trivial: zeros
def ntk(model, x1, x2):
    return torch.zeros(len(x1), len(x2))


# %% trivial: nothing
def ntk(model, x1, x2):
    return None


# %% trivial: NaN
def ntk(model, x1, x2):
    return torch.full((len(x1), len(x2)), torch.nan)


# %% trivial: the input
def ntk(model, x1, x2):
    return x1


# %% trivial: inner products of the inputs
def ntk(model, x1, x2):
    return x1.flatten(1) @ x2.flatten(1).T
