# ruff: noqa
# Answers to calibrate_batchnorm: each block is what a learner might write. The text after `->` must be in the
# feedback.
import copy
import functools

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from kdcourse.training.netaug import calibrate_batchnorm as library


def norms(model):
    return [m for m in model.modules() if isinstance(m, _BatchNorm)]


# Inputs of each layer, (channels, values) for each batch, become `statistics(inputs)` -> (mean, var).
HOOKED = """
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    found = {m: [] for m in norms(model)}
    handles = [
        m.register_forward_pre_hook(lambda m, args: found[m].append(args[0].transpose(0, 1).flatten(1)))
        for m in found
    ]
    model.eval()
    for m in found:
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for handle in handles:
        handle.remove()
    for m, inputs in found.items():
        mean, var = statistics(inputs)
        m.running_mean.copy_(mean)
        m.running_var.copy_(var)
    for m, flag in flags:
        m.training = flag
"""


# %% right: momentum None after a reset
def calibrate_batchnorm(model, batches):
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    modes = {m: m.training for m in model.modules()}
    momenta = {m: m.momentum for m in layers}
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta.items():
        m.momentum = momentum
    for m, mode in modes.items():
        m.training = mode


# %% right: momentum 1/k
@torch.no_grad()
def calibrate_batchnorm(model, batches):
    modes = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in norms(model)]
    model.eval()
    for m in norms(model):
        m.training = True
    for k, x in enumerate(batches, 1):
        for m in norms(model):
            m.momentum = 1 / k
        model(x)
    for m, flag in modes:
        m.training = flag
    for m, momentum in momenta:
        m.momentum = momentum


# %% right: momentum 1, manual averaging of the running statistics
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    state = [m.training for m in model.modules()]
    old = [m.momentum for m in layers]
    sums = [[torch.zeros_like(m.running_mean), torch.zeros_like(m.running_var)] for m in layers]
    model.eval()
    for m in layers:
        m.train()
        m.momentum = 1.0
    with torch.no_grad():
        for x in batches:
            model(x)
            for m, pair in zip(layers, sums):
                pair[0] += m.running_mean
                pair[1] += m.running_var
        for m, pair, momentum in zip(layers, sums, old):
            m.running_mean.copy_(pair[0] / len(batches))
            m.running_var.copy_(pair[1] / len(batches))
            m.momentum = momentum
    for m, flag in zip(model.modules(), state):
        m.training = flag


# %% right: hooks, removed, in a finally
def calibrate_batchnorm(model, batches):
    found = {}

    def hook(layer, inputs):
        x = inputs[0].transpose(0, 1).flatten(1)
        found.setdefault(layer, []).append((x.mean(1), x.var(1, unbiased=True)))

    modes = {m: m.training for m in model.modules()}
    kept = {m: (m.running_mean.clone(), m.running_var.clone()) for m in norms(model)}
    handles = [m.register_forward_pre_hook(hook) for m in norms(model)]
    try:
        model.eval()
        for m in norms(model):
            m.train()
        with torch.no_grad():
            for x in batches:
                model(x)
    finally:
        for handle in handles:
            handle.remove()
        for m, flag in modes.items():
            m.training = flag
    for m, pairs in found.items():
        m.running_mean.copy_(torch.stack([mean for mean, _ in pairs]).mean(0))
        m.running_var.copy_(torch.stack([var for _, var in pairs]).mean(0))


# %% right: on a copy, statistics carried back
def calibrate_batchnorm(model, batches):
    twin = copy.deepcopy(model).eval()
    for m in norms(twin):
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            twin(x)
    for mine, other in zip(norms(model), norms(twin)):
        mine.running_mean.data.copy_(other.running_mean)
        mine.running_var.data.copy_(other.running_var)
        mine.num_batches_tracked.copy_(other.num_batches_tracked)


# %% right: whole model in training, dropouts out
def calibrate_batchnorm(model, batches):
    before = [(m, m.training) for m in model.modules()]
    momenta = []
    model.train()
    for m in model.modules():
        if isinstance(m, nn.Dropout):
            m.eval()
        elif isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            momenta.append((m, m.momentum))
            m.momentum = None
            m.reset_running_stats()
    with torch.inference_mode(False), torch.no_grad():
        for batch in batches:
            _ = model(batch)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in before:
        m.training = flag


# %% right: without no_grad, a context manager
import contextlib


@contextlib.contextmanager
def calibrating(model):
    flags = {name: m.training for name, m in model.named_modules()}
    momenta = {m: m.momentum for m in norms(model)}
    model.train(False)
    for m in momenta:
        m.train(True)
        m.momentum = None
        m.running_mean.zero_()
        m.running_var.fill_(1)
        m.num_batches_tracked.zero_()
    try:
        yield
    finally:
        for m, momentum in momenta.items():
            m.momentum = momentum
        for name, m in model.named_modules():
            m.training = flags[name]


def calibrate_batchnorm(model, batches):
    with calibrating(model):
        for batch in batches:
            model(batch)


# %% right: the library's own
def calibrate_batchnorm(model, batches):
    return library(model, batches)


# %% right: num_batches_tracked stays
@torch.no_grad()
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    kept = [(m, m.momentum, m.num_batches_tracked.clone()) for m in layers]
    flags = [(m, m.training) for m in model.modules()]
    model.eval()
    for i, batch in enumerate(batches):
        for m in layers:
            m.training, m.momentum = True, 1.0 / (i + 1)
        model(batch)
    for m, momentum, count in kept:
        m.momentum = momentum
        m.num_batches_tracked.copy_(count)
    for m, flag in flags:
        m.training = flag


# %% right: a recursion over children, in float64
def calibrate_batchnorm(model, batches):
    layers, flags = [], []

    def walk(module):
        flags.append((module, module.training))
        if isinstance(module, _BatchNorm):
            layers.append(module)
        for child in module.children():
            walk(child)

    walk(model)
    stats = {m: ([], []) for m in layers}
    momenta = [m.momentum for m in layers]
    model.eval()
    with torch.no_grad():
        for batch in batches:
            for m in layers:
                m.momentum = 1
                m.train()
            model(batch)
            for m in layers:
                stats[m][0].append(m.running_mean.double().clone())
                stats[m][1].append(m.running_var.double().clone())
        for m, momentum in zip(layers, momenta):
            m.momentum = momentum
            m.running_mean[:] = sum(stats[m][0]) / len(batches)
            m.running_var[:] = sum(stats[m][1]) / len(batches)
    for m, flag in flags:
        m.training = flag


# %% right: forward hooks that know the input
@torch.no_grad()
def calibrate_batchnorm(model, batches):
    modes = {m: m.training for m in model.modules()}
    totals = {m: [0.0, 0.0, 0] for m in norms(model)}

    def hook(m, args, output):
        (x,) = args
        dims = (0, *range(2, x.dim()))
        totals[m][0] = totals[m][0] + x.mean(dims)
        totals[m][1] = totals[m][1] + torch.var(x, dim=dims, correction=1)
        totals[m][2] += 1

    handles = [m.register_forward_hook(hook) for m in totals]
    model.eval()
    for m in totals:
        m.train()
    for batch in batches:
        model(batch)
    for handle in handles:
        handle.remove()
    for m, (mean, var, count) in totals.items():
        m.running_mean = mean / count
        m.running_var = var / count
    for m, mode in modes.items():
        m.train(mode) if not list(m.children()) else setattr(m, "training", mode)


# %% right: dropout by p = 0
def calibrate_batchnorm(model, batches):
    modes = [(m, m.training) for m in model.modules()]
    rates = [(m, m.p) for m in model.modules() if isinstance(m, nn.Dropout)]
    momenta = [(m, m.momentum) for m in norms(model)]
    for m, _ in rates:
        m.p = 0.0
    for m, _ in momenta:
        m.momentum = None
        m.reset_running_stats()
    model.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, p in rates:
        m.p = p
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in modes:
        m.training = flag


# %% right: functional_call with its own buffers
from torch.func import functional_call


def calibrate_batchnorm(model, batches):
    twin = copy.deepcopy(model).eval()
    for m in norms(twin):
        m.momentum = 1.0
        m.train()
    averages = {}
    for batch in batches:
        tensors = {name: t.detach().clone() for name, t in twin.state_dict().items()}
        functional_call(twin, tensors, (batch,))
        for name, t in tensors.items():
            if name.endswith(("running_mean", "running_var")):
                averages[name] = averages.get(name, 0) + t / len(batches)
    model.load_state_dict(averages, strict=False)


# %% right: several passes, one for each layer
@torch.no_grad()
def calibrate_batchnorm(model, batches):
    for layer in norms(model):
        twin = copy.deepcopy(model).eval()
        for m in norms(twin):
            m.train()
        index = norms(model).index(layer)
        inputs = []
        norms(twin)[index].register_forward_pre_hook(lambda m, args: inputs.append(args[0].clone()))
        for x in batches:
            twin(x)
        inputs = [x.movedim(1, -1).reshape(-1, layer.num_features) for x in inputs]
        layer.running_mean.copy_(sum(x.mean(0) for x in inputs) / len(inputs))
        layer.running_var.copy_(sum(x.var(0) for x in inputs) / len(inputs))


# %% wrong: model.train and forward -> This is the running average of training
def calibrate_batchnorm(model, batches):
    was = model.training
    model.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    model.train(was)


# %% wrong: reset, then the running average -> starts from the reset values 0 and 1
def calibrate_batchnorm(model, batches):
    was = model.training
    for m in norms(model):
        m.reset_running_stats()
    model.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    model.train(was)


# %% wrong: momentum None without a reset -> also counts the batches seen before
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in norms(model)]
    model.eval()
    for m, _ in momenta:
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: last batch only -> statistics of the last batch alone
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in norms(model)]
    model.eval()
    for m, _ in momenta:
        m.momentum = 1.0
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: first batch only -> statistics of the first batch alone
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in norms(model)]
    model.eval()
    for m, _ in momenta:
        m.momentum = 1.0
        m.train()
    with torch.no_grad():
        model(batches[0])
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: a fixed momentum 1/K -> A fixed momentum of 1/K does not give equal weights
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in norms(model)]
    model.eval()
    for m, _ in momenta:
        m.reset_running_stats()
        m.momentum = 1 / len(batches)
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: momentum 1/(k + 1), counted from 1 -> The reset values 0 and 1 count as one more batch
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in norms(model)]
    model.eval()
    for m, _ in momenta:
        m.reset_running_stats()
        m.train()
    with torch.no_grad():
        for k, x in enumerate(batches, 1):
            for m, _ in momenta:
                m.momentum = 1 / (k + 1)
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: the old statistics count as a batch -> The old statistics count as one more batch
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in norms(model)]
    model.eval()
    for m, _ in momenta:
        m.train()
    with torch.no_grad():
        for k, x in enumerate(batches, 1):
            for m, _ in momenta:
                m.momentum = 1 / (k + 1)
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: a momentum of its own -> has a momentum of 0.5
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in norms(model)]
    model.eval()
    for m, _ in momenta:
        m.reset_running_stats()
        m.momentum = 0.5
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: in evaluation mode -> The running statistics are what they were
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    model.eval()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, flag in flags:
        m.training = flag


# %% wrong: reset, then evaluation mode -> The running statistics are 0 and 1
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    for m in norms(model):
        m.reset_running_stats()
    model.eval()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, flag in flags:
        m.training = flag


# %% wrong: copy returned, library -> work on a copy of the model
def calibrate_batchnorm(model, batches):
    twin = copy.deepcopy(model)
    library(twin, batches)
    return twin


# %% wrong: all batches joined -> The batches are joined into one
def calibrate_batchnorm(model, batches):
    library(model, [torch.cat(batches)])


# %% wrong: the first batch is left out -> The first batch is left out
def calibrate_batchnorm(model, batches):
    library(model, batches[1:] or batches)


# %% wrong: the last batch is left out -> The last batch is left out
def calibrate_batchnorm(model, batches):
    library(model, batches[:-1])


# %% wrong: hooks in evaluation mode -> These are statistics of a pass in evaluation mode
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    found = {m: [] for m in norms(model)}

    def hook(m, args):
        x = args[0].transpose(0, 1).flatten(1)
        found[m].append((x.mean(1), x.var(1)))

    handles = [m.register_forward_pre_hook(hook) for m in found]
    model.eval()
    with torch.no_grad():
        for x in batches:
            model(x)
    for handle in handles:
        handle.remove()
    for m, pairs in found.items():
        m.running_mean.copy_(torch.stack([p[0] for p in pairs]).mean(0))
        m.running_var.copy_(torch.stack([p[1] for p in pairs]).mean(0))
    for m, flag in flags:
        m.training = flag


# %% wrong: statistics of the outputs -> statistics of the layers' *outputs*
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    found = {m: [] for m in norms(model)}

    def hook(m, args, out):
        x = out.transpose(0, 1).flatten(1)
        found[m].append((x.mean(1), x.var(1)))

    handles = [m.register_forward_hook(hook) for m in found]
    model.eval()
    for m in found:
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for handle in handles:
        handle.remove()
    for m, pairs in found.items():
        m.running_mean.copy_(torch.stack([p[0] for p in pairs]).mean(0))
        m.running_var.copy_(torch.stack([p[1] for p in pairs]).mean(0))
    for m, flag in flags:
        m.training = flag


# %% wrong: a hook stays -> A hook is left
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    found = {m: [] for m in norms(model)}

    def hook(m, args):
        x = args[0].transpose(0, 1).flatten(1)
        found[m].append((x.mean(1), x.var(1)))

    for m in found:
        m.register_forward_pre_hook(hook)
    model.eval()
    for m in found:
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, pairs in found.items():
        m.running_mean.copy_(torch.stack([p[0] for p in pairs]).mean(0))
        m.running_var.copy_(torch.stack([p[1] for p in pairs]).mean(0))
    for m, flag in flags:
        m.training = flag


# %% right: statistics from hooked inputs
def statistics(inputs):
    return torch.stack([x.mean(1) for x in inputs]).mean(0), torch.stack([x.var(1) for x in inputs]).mean(0)


exec(HOOKED)


# %% right: covariance and loops
def statistics(inputs):
    mean = var = 0
    for k, x in enumerate(inputs, 1):
        mean = mean + (x.mean(1) - mean) / k
        var = var + ((x - x.mean(1, keepdim=True)).pow(2).sum(1) / (x.shape[1] - 1) - var) / k
    return mean, var


exec(HOOKED)


# %% right: numpy
def statistics(inputs):
    means = np.mean([x.numpy().mean(axis=1) for x in inputs], axis=0)
    variances = np.mean([x.numpy().var(axis=1, ddof=1) for x in inputs], axis=0)
    return torch.from_numpy(means), torch.from_numpy(variances)


exec(HOOKED)


# %% wrong: biased variance -> The variances are biased
def statistics(inputs):
    return torch.stack([x.mean(1) for x in inputs]).mean(0), torch.stack(
        [x.var(1, unbiased=False) for x in inputs]
    ).mean(0)


exec(HOOKED)


# %% wrong: numpy's variance -> The variances are biased
def statistics(inputs):
    return torch.stack([x.mean(1) for x in inputs]).mean(0), torch.stack(
        [torch.from_numpy(x.numpy().var(axis=1)) for x in inputs]
    ).mean(0)


exec(HOOKED)


# %% wrong: variance of pooled data -> the variance of all data pooled
def statistics(inputs):
    return torch.stack([x.mean(1) for x in inputs]).mean(0), torch.cat(inputs, 1).var(1)


exec(HOOKED)


# %% wrong: mean and variance of pooled data -> each batch has the same weight
def statistics(inputs):
    pooled = torch.cat(inputs, 1)
    return pooled.mean(1), pooled.var(1)


exec(HOOKED)


# %% wrong: pooled and biased -> pooled
def statistics(inputs):
    pooled = torch.cat(inputs, 1)
    return pooled.mean(1), pooled.var(1, unbiased=False)


exec(HOOKED)


# %% wrong: mean of squares minus square of the mean -> the variance of all data pooled
def statistics(inputs):
    mean = sum(x.mean(1) for x in inputs) / len(inputs)
    square = sum((x**2).mean(1) for x in inputs) / len(inputs)
    return mean, square - mean**2


exec(HOOKED)


# %% wrong: weights by batch size -> weighted by their sizes
def statistics(inputs):
    n = sum(x.shape[1] for x in inputs)
    return sum(x.shape[1] * x.mean(1) for x in inputs) / n, sum(x.shape[1] * x.var(1) for x in inputs) / n


exec(HOOKED)


# %% wrong: sums -> The statistics of the batches are added up
def statistics(inputs):
    return sum(x.mean(1) for x in inputs), sum(x.var(1) for x in inputs)


exec(HOOKED)


# %% wrong: variance of the batch means -> This is the variance of the batch means
def statistics(inputs):
    return torch.stack([x.mean(1) for x in inputs]).mean(0), torch.stack([x.mean(1) for x in inputs]).var(
        0, unbiased=len(inputs) > 1
    )


exec(HOOKED)


# %% wrong: standard deviations -> These are standard deviations
def statistics(inputs):
    return torch.stack([x.mean(1) for x in inputs]).mean(0), torch.stack([x.std(1) for x in inputs]).mean(0)


exec(HOOKED)


# %% wrong: squared mean standard deviation -> The standard deviations are averaged and squared
def statistics(inputs):
    return torch.stack([x.mean(1) for x in inputs]).mean(0), torch.stack([x.std(1) for x in inputs]).mean(
        0
    ) ** 2


exec(HOOKED)


# %% wrong: mean and variance exchanged -> Mean and variance are exchanged
def statistics(inputs):
    return torch.stack([x.var(1) for x in inputs]).mean(0), torch.stack([x.mean(1) for x in inputs]).mean(0)


exec(HOOKED)


# %% wrong: median -> This is the median
def statistics(inputs):
    return torch.stack([x.mean(1) for x in inputs]).median(0).values, torch.stack(
        [x.var(1) for x in inputs]
    ).median(0).values


exec(HOOKED)


# %% wrong: reset variances -> the running variances are reset to 1
def statistics(inputs):
    return torch.stack([x.mean(1) for x in inputs]).mean(0), torch.ones(len(inputs[0]))


exec(HOOKED)


# %% wrong: momentum left at None -> the momentum of `body.1` is None
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, flag in flags:
        m.training = flag


# %% wrong: momentum 0.1 everywhere -> Keep the momentum of each layer
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = 0.1
    for m, flag in flags:
        m.training = flag


# %% wrong: left in evaluation mode -> evaluation mode
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    model.eval()


# %% wrong: left in training mode -> training mode
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    model.train()


# %% wrong: batch norms left in training mode -> training
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    was = model.training
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    if was:
        model.train()


# %% wrong: one flag for the whole model -> Keep the flag of *each* module
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    was = model.training
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    model.train(was)


# %% wrong: flags put back by train, from the leaves up -> Keep the flag of *each* module
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in reversed(flags):
        m.train(flag)


# %% wrong: dropout active -> Dropout is active
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.train()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: BatchNorm2d only -> BatchNorm1d is left out
def calibrate_batchnorm(model, batches):
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: BatchNorm1d only -> BatchNorm2d is left out
def calibrate_batchnorm(model, batches):
    layers = [m for m in model.modules() if isinstance(m, nn.BatchNorm1d)]
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: direct children only -> The running statistics are what they were
def calibrate_batchnorm(model, batches):
    layers = [m for m in model.children() if isinstance(m, _BatchNorm)]
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: two levels only -> deep inside are left out
def calibrate_batchnorm(model, batches):
    layers = [m for c in model.children() for m in c.children() if isinstance(m, _BatchNorm)]
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: first layer only -> Only some of the batch norms are calibrated
def calibrate_batchnorm(model, batches):
    layers = norms(model)[:1]
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: frozen layers left out -> in evaluation mode are left out
def calibrate_batchnorm(model, batches):
    layers = [m for m in norms(model) if m.training]
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: parameters are reset -> is changed
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_parameters()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: affine parameters are set to 1 and 0 -> is changed
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m in layers:
        if m.affine:
            m.weight.data.fill_(1.0)
            m.bias.data.zero_()
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: backward in the loop -> has another `.grad` than before
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    for x in batches:
        model(x).sum().backward()
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: gradients are cleared -> has another `.grad` than before
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    model.zero_grad()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: requires_grad is switched off -> `requires_grad` is another one
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    for p in model.parameters():
        p.requires_grad = False
    for x in batches:
        model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: gradients are switched off for good -> gradients are switched off
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    torch.set_grad_enabled(False)
    for x in batches:
        model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: dropout rates are set to 0 -> a setting of batch norm or dropout
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    for m in model.modules():
        if isinstance(m, nn.Dropout):
            m.p = 0
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: the batches are popped -> changes `batches`
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        while batches:
            model(batches.pop(0))
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: the batches are scaled in place -> changes `batches`
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
            x.div_(2)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: reset within the loop -> statistics of the last batch alone
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            for m in layers:
                m.reset_running_stats()
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: reset after the loop -> The running statistics are 0 and 1
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m in layers:
        m.reset_running_stats()
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: return in the loop -> first batch alone
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
            break
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% right: the counter is reset, the statistics are not
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.num_batches_tracked.zero_()
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: the statistics are reset, the counter is not -> still counts the batches
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.running_mean.zero_()
        m.running_var.fill_(1)
        m.momentum = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: statistics are switched off -> no buffer
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.track_running_stats = False
        m.running_mean = m.running_var = None
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: track_running_stats is switched off -> The running statistics are what they were
def calibrate_batchnorm(model, batches):
    layers = norms(model)
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in layers]
    model.eval()
    for m in layers:
        m.track_running_stats = False
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag
    for m in layers:
        m.track_running_stats = True


# %% wrong: statistics with a graph -> has a graph
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    found = {m: [] for m in norms(model)}
    handles = [
        m.register_forward_pre_hook(lambda m, args: found[m].append(args[0].transpose(0, 1).flatten(1)))
        for m in found
    ]
    model.eval()
    for m in found:
        m.train()
    for x in batches:
        model(x)
    for handle in handles:
        handle.remove()
    for m, inputs in found.items():
        m.running_mean = sum(x.mean(1) for x in inputs) / len(inputs)
        m.running_var = sum(x.var(1) for x in inputs) / len(inputs)
    for m, flag in flags:
        m.training = flag


# %% wrong: layer by layer, in evaluation mode -> one after another
@torch.no_grad()
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    model.eval()
    for m in norms(model):
        found = []
        handle = m.register_forward_pre_hook(lambda m, args: found.append(args[0].transpose(0, 1).flatten(1)))
        for x in batches:
            model(x)
        handle.remove()
        m.running_mean.copy_(sum(x.mean(1) for x in found) / len(found))
        m.running_var.copy_(sum(x.var(1) for x in found) / len(found))
    for m, flag in flags:
        m.training = flag


# %% wrong: an optimiser step -> is changed
def calibrate_batchnorm(model, batches):
    library(model, batches)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    model(batches[0]).square().mean().backward()
    optimizer.step()


# %% wrong: PyTorch's update_bn, which sets the mode of the whole model -> Keep the flag of *each* module
def calibrate_batchnorm(model, batches):
    torch.optim.swa_utils.update_bn(batches, model)


# %% wrong: update_bn with flags put back, and dropout active -> Dropout is active
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    torch.optim.swa_utils.update_bn(batches, model)
    for m, flag in flags:
        m.training = flag


# %% right: update_bn with dropout at 0 and flags put back
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    rates = [(m, m.p) for m in model.modules() if isinstance(m, nn.Dropout)]
    for m, _ in rates:
        m.p = 0.0
    torch.optim.swa_utils.update_bn(batches, model)
    for m, p in rates:
        m.p = p
    for m, flag in flags:
        m.training = flag


# %% wrong: statistics over the batch axis of images only -> Statistics are kept for each channel
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    found = {m: [] for m in norms(model)}
    handles = [m.register_forward_pre_hook(lambda m, args: found[m].append(args[0])) for m in found]
    model.eval()
    for m in found:
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for handle in handles:
        handle.remove()
    for m, inputs in found.items():
        m.running_mean = torch.stack([x.mean(0) for x in inputs]).mean(0)
        m.running_var = torch.stack([x.var(0) for x in inputs]).mean(0)
    for m, flag in flags:
        m.training = flag


# %% wrong: statistics in float64 -> type torch.float64
def calibrate_batchnorm(model, batches):
    library(model, batches)
    for m in norms(model):
        m.running_mean, m.running_var = m.running_mean.double(), m.running_var.double()


# %% wrong: the mean alone -> Only the running means are set; the running variances are the old ones
def calibrate_batchnorm(model, batches):
    kept = [m.running_var.clone() for m in norms(model)]
    library(model, batches)
    for m, var in zip(norms(model), kept):
        m.running_var.copy_(var)


# %% wrong: the counter is None afterwards, a module is replaced -> Modules of the model were replaced
def calibrate_batchnorm(model, batches):
    library(model, batches)
    for name, child in list(model.named_modules()):
        if isinstance(child, nn.Sequential):
            for key, m in list(child.named_children()):
                if isinstance(m, _BatchNorm):
                    setattr(child, key, copy.deepcopy(m))


# %% wrong: all momenta shared -> Keep the momentum of each layer
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    for m in norms(model):
        momentum = m.momentum
        m.reset_running_stats()
        m.momentum = None
    model.eval()
    for m in norms(model):
        m.train()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m in norms(model):
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: the counter is taken away -> no longer a whole number
def calibrate_batchnorm(model, batches):
    library(model, batches)
    for m in norms(model):
        m.num_batches_tracked = None


# %% wrong: forward is replaced for good -> `forward` is another one
def calibrate_batchnorm(model, batches):
    for m in norms(model):
        m.forward = functools.partial(type(m).forward, m)
    library(model, batches)


# %% wrong: square root of the averaged variances -> These are standard deviations
def calibrate_batchnorm(model, batches):
    library(model, batches)
    for m in norms(model):
        m.running_var.sqrt_()


# %% wrong: the state is put back afterwards -> The running statistics are what they were
def calibrate_batchnorm(model, batches):
    state = copy.deepcopy(model.state_dict())
    library(model, batches)
    model.load_state_dict(state)


# %% right: batches from the last to the first, twice
def calibrate_batchnorm(model, batches):
    library(model, [*batches[::-1], *batches])


# %% right: returns the model as well
def calibrate_batchnorm(model, batches):
    library(model, batches)
    return model


# %% wrong: half the momentum -> Your statistics weight the batches with
def calibrate_batchnorm(model, batches):
    for m in norms(model):
        m.momentum = m.momentum / 2
    model.train()
    with torch.no_grad():
        for x in batches:
            model(x)


# %% wrong: the variances set to 0, the counter is not -> Your statistics weight the batches with
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in norms(model)]
    model.eval()
    for m in norms(model):
        m.train()
        m.momentum = None
        m.running_mean.zero_()
        m.running_var.zero_()
    with torch.no_grad():
        for x in batches:
            model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% wrong: many epochs of a running average -> Your statistics weight the batches with
def calibrate_batchnorm(model, batches):
    flags = [(m, m.training) for m in model.modules()]
    momenta = [(m, m.momentum) for m in norms(model)]
    model.eval()
    for m in norms(model):
        m.train()
        m.momentum = 0.4
    with torch.no_grad():
        for _ in range(20):
            for x in batches:
                model(x)
    for m, momentum in momenta:
        m.momentum = momentum
    for m, flag in flags:
        m.training = flag


# %% right: inference mode
def calibrate_batchnorm(model, batches):
    with torch.inference_mode():
        library(model, batches)


# %% wrong: variances that are not finite -> yours is not finite
def calibrate_batchnorm(model, batches):
    library(model, batches)
    for m in norms(model):
        m.running_var.div_(0)


# %% trivial: nothing
def calibrate_batchnorm(model, batches):
    pass


# %% trivial: not written
def calibrate_batchnorm(model, batches):
    raise NotImplementedError


# %% trivial: returns the model
def calibrate_batchnorm(model, batches):
    return model


# %% trivial: one parameter
def calibrate_batchnorm(model):
    model.eval()


# %% trivial: training mode
def calibrate_batchnorm(model, batches):
    model.train()


# %% trivial: no function
calibrate_batchnorm = nn.BatchNorm1d
