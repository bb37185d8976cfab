# ruff: noqa
# Answers to judge_export: each block is what a learner might write. The export is a function net -> module.
import copy
import io

import numpy as np
import torch
from torch import nn
from kdcourse.models import WidthSlicedNet, count_parameters, mlp, small_cnn
from kdcourse.training import seeded


def make(*widths):
    return small_cnn(widths, (2, 2))


def young():
    return WidthSlicedNet(make, widths=(3, 5), widest=(8, 9))


def grown():
    net = young()
    with torch.no_grad():
        for tensor in net.full.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(tensor + 0.4 * torch.rand(tensor.shape))
    return net.eval()


def X():
    return torch.randn(16, 1, 8, 8)


def other_logits(export, net=None):
    net, x = net or grown(), X()
    want = net(x)
    return not torch.allclose(export(net).eval()(x), want, atol=1e-3)


def too_many(export):
    net = grown()
    return count_parameters(export(net)) > 1.1 * count_parameters(net.make_net(*net.widths))


def state_of(net):
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def differs(net, state):
    return any(not torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())


def shares(export):
    net = grown()
    tiny, state = export(net), state_of(net)
    with torch.no_grad():
        for parameter in tiny.parameters():
            parameter.zero_()
    return differs(net, state)


def changes(export):
    net = grown()
    state = state_of(net)
    export(net)
    return differs(net, state) or net.training


# %% right: four functions, one for each sentence
def judge_export(export):
    return other_logits(export) or too_many(export) or shares(export) or changes(export)


# %% right: trained for real, one step of the tiny net
def judge_export(export):
    net = young().train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
    for widths in [(3, 5), (8, 9), (5, 7)]:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(X() + 0.5, widths=widths), torch.arange(16) % 10).backward()
        optimizer.step()
    net.eval()
    x, state = X(), state_of(net)
    want = net(x).detach()
    tiny = export(net).eval()
    if (tiny(x) - want).abs().max() > 0.01 or (net(x) - want).abs().max() > 0.01 or differs(net, state):
        return True
    if sum(p.numel() for p in tiny.parameters()) > 2 * sum(p.numel() for p in net.export().parameters()):
        return True
    step = torch.optim.SGD(tiny.parameters(), lr=1.0)
    nn.functional.cross_entropy(tiny(x), torch.arange(16) % 10).backward()
    step.step()
    return differs(net, state)


# %% right: memory by storages
def judge_export(export):
    net = grown()
    x = X()
    want, state = net(x), state_of(net)
    tiny = export(net).eval()

    def places(module):
        return {
            t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in module.state_dict().values()
        }

    if set(places(tiny)) & set(places(net)):
        return True
    if sum(places(tiny).values()) > 1.05 * sum(places(net.export()).values()):
        return True
    return differs(net, state) or not np.allclose(tiny(x).detach(), want.detach(), atol=1e-3)


# %% right: the file
def judge_export(export):
    net = grown()
    sizes = []
    for function in (export, lambda net: net.export()):
        file = io.BytesIO()
        torch.save([t for t in function(copy.deepcopy(net)).state_dict().values()], file)
        sizes.append(file.tell())
    return sizes[0] > 1.15 * sizes[1] or other_logits(export) or changes(export)


# %% right: the wide net is destroyed, and the tiny one must not notice
def judge_export(export):
    net, x = grown(), X()
    want = net(x)
    tiny = export(net).eval()
    first = tiny(x)
    bad = not torch.allclose(first, want, atol=1e-3, rtol=1e-3)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.zero_()
    return bad or not torch.equal(tiny(x), first) or too_many(export) or changes(export)


# %% right: answered by numpy, equal widths, more layers
def judge_export(export):
    net = WidthSlicedNet(lambda *w: small_cnn(w, (1, 2, 1)), (3, 3, 3), (7, 7, 7))
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape))
    return np.bool_(other_logits(export, net.eval()) or too_many(export) or shares(export) or changes(export))


# %% right: relative error, a tensor that is true or false
def judge_export(export):
    net, x = grown(), X()
    want, state = net(x), state_of(net)
    tiny = export(net).eval()
    error = (tiny(x) - want).norm() / want.norm() > 1e-3
    larger = torch.tensor(count_parameters(tiny) >= count_parameters(net))
    return error | larger | torch.tensor(differs(net, state)) | torch.tensor(shares(export))


# %% wrong: logits of a fresh net -> does not convict suspect_one
def judge_export(export):
    return (
        other_logits(export, seeded(young, 0).eval()) or too_many(export) or shares(export) or changes(export)
    )


# %% wrong: an mlp, which has no statistics -> does not convict suspect_one
def judge_export(export):
    net = WidthSlicedNet(lambda *w: mlp(64, *w, 10), (3, 5), (8, 9)).eval()
    return other_logits(export, net) or too_many(export) or shares(export) or changes(export)


# %% wrong: training mode, where no statistics are used -> suspect_four
def judge_export(export):
    net, x = grown().train(), X()
    want = net(x)
    tiny = export(net).train()
    return not torch.allclose(tiny(x), want, atol=1e-3) or too_many(export) or shares(export)


# %% wrong: logits only -> does not convict suspect_two
def judge_export(export):
    return other_logits(export)


# %% wrong: size only -> does not convict suspect_one
def judge_export(export):
    return too_many(export)


# %% wrong: sharing only -> does not convict suspect_one
def judge_export(export):
    return shares(export)


# %% wrong: changes only -> does not convict suspect_one
def judge_export(export):
    return changes(export)


# %% wrong: without the size -> does not convict suspect_three
def judge_export(export):
    return other_logits(export) or shares(export) or changes(export)


# %% wrong: without the sharing -> does not convict suspect_two
def judge_export(export):
    return other_logits(export) or too_many(export) or changes(export)


# %% wrong: logits compared after the export -> does not convict an export that sorts
def judge_export(export):
    net, x = grown(), X()
    tiny = export(net).eval()
    return not torch.allclose(tiny(x), net(x), atol=1e-3) or too_many(export) or shares(export)


# %% wrong: without the logits -> does not convict suspect_one
def judge_export(export):
    return too_many(export) or shares(export) or changes(export)


# %% wrong: equal bits -> accuses suspect_four
def judge_export(export):
    net, x = grown(), X()
    want = net(x)
    return (
        bool((export(net).eval()(x) != want).any()) or too_many(export) or shares(export) or changes(export)
    )


# %% wrong: a tolerance below rounding -> accuses suspect_four
def judge_export(export):
    net, x = grown(), X()
    want = net(x)
    error = (export(net).eval()(x) - want).abs().max() > 1e-8
    return bool(error) or too_many(export) or shares(export) or changes(export)


# %% wrong: a tolerance that lets everything pass -> does not convict suspect_one
def judge_export(export):
    net, x = grown(), X()
    want = net(x)
    error = (export(net).eval()(x) - want).abs().max() > 1e3
    return bool(error) or too_many(export) or shares(export) or changes(export)


# %% wrong: equal names of tensors -> accuses suspect_four
def judge_export(export):
    net = grown()
    names = set(net.make_net(*net.widths).state_dict())
    return (
        set(export(net).state_dict()) != names or other_logits(export) or too_many(export) or shares(export)
    )


# %% wrong: equal number of tensors -> accuses suspect_four
def judge_export(export):
    net = grown()
    count = len(list(net.parameters()))
    return len(list(export(net).parameters())) != count or other_logits(export) or too_many(export)


# %% wrong: exactly as many parameters -> accuses suspect_four
def judge_export(export):
    net = grown()
    count = count_parameters(net.make_net(*net.widths))
    return count_parameters(export(net)) != count or other_logits(export) or shares(export) or changes(export)


# %% wrong: the wide net's logits -> accuses suspect_four
def judge_export(export):
    net, x = grown(), X()
    want = net(x, widths=net.widest)
    return not torch.allclose(export(net).eval()(x), want, atol=1e-3)


# %% wrong: classes instead of logits of zero images -> does not convict suspect_one
def judge_export(export):
    net, x = seeded(young, 0).eval(), torch.zeros(16, 1, 8, 8)
    want = net(x).argmax(1)
    return bool((export(net).eval()(x).argmax(1) != want).any()) or too_many(export) or shares(export)


# %% wrong: parameters equal by number, first ones only -> accuses suspect_four
def judge_export(export):
    net = grown()
    tiny = export(net)
    return not torch.equal(next(tiny.parameters()), next(net.export().parameters()))


# %% wrong: verdicts reversed -> accuses suspect_four
def judge_export(export):
    return not (other_logits(export) or too_many(export) or shares(export) or changes(export))


# %% wrong: all sentences must be broken -> does not convict suspect_one
def judge_export(export):
    return other_logits(export) and too_many(export) and shares(export) and changes(export)


# %% wrong: an error instead of a verdict -> raises AssertionError on suspect_one
def judge_export(export):
    assert not other_logits(export)
    return too_many(export) or shares(export) or changes(export)


# %% wrong: a value instead of a verdict -> It returns a Tensor
def judge_export(export):
    net, x = grown(), X()
    return (net(x) - export(net).eval()(x)).abs().max()


# %% wrong: prints the verdict -> It returns a NoneType
def judge_export(export):
    print(other_logits(export) or too_many(export) or shares(export) or changes(export))


# %% wrong: remembers names -> does not convict an export that takes the last channels
def judge_export(export):
    return export.__name__ in ("suspect_one", "suspect_two", "suspect_three")


# %% trivial: always True
def judge_export(export):
    return True


# %% trivial: always False
def judge_export(export):
    return False


# %% trivial: 0
def judge_export(export):
    return 0


# %% trivial: 1.0
def judge_export(export):
    return 1.0


# %% trivial: NaN
def judge_export(export):
    return float("nan")


# %% trivial: the input
def judge_export(export):
    return export
