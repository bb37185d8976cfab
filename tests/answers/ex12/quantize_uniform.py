# ruff: noqa
# Answers to quantize_uniform: each block is what a learner might write.
import numpy as np
import torch


def ends(code):
    flat = code.reshape(len(code), -1)
    return flat.min(dim=1).values, flat.max(dim=1).values


def like(v, code):
    return v.reshape(-1, *[1] * (code.ndim - 1))


# %% right: flattened, uint8
def quantize_uniform(code, bits):
    flat = code.flatten(1)
    low, high = flat.aminmax(dim=1)
    span = torch.where(high > low, high - low, 1.0)
    integers = ((flat - low[:, None]) / span[:, None] * (2**bits - 1)).round()
    return integers.to(torch.uint8).reshape(code.shape), low, high


# %% right: axes by name of their number, int64
def quantize_uniform(code, bits):
    axes = tuple(range(1, code.ndim))
    low, high = code.amin(dim=axes, keepdim=True), code.amax(dim=axes, keepdim=True)
    step = (high - low) / (2**bits - 1)
    q = torch.round((code - low) / step.clamp(min=1e-12)).long()
    return q, low.flatten(), high.flatten()


# %% right: a loop over the samples
def quantize_uniform(code, bits):
    out, lows, highs = [], [], []
    for sample in code:
        low, high = sample.min(), sample.max()
        lows.append(low)
        highs.append(high)
        if low == high:
            out.append(torch.zeros_like(sample, dtype=torch.int64))
        else:
            out.append(((sample - low) / (high - low) * (2**bits - 1)).round().to(torch.int64))
    return torch.stack(out), torch.stack(lows), torch.stack(highs)


# %% right: half added and cut off, cut to the range
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1) + 0.5).floor().clamp(0, 2**bits - 1).to(torch.int32), low, high


# %% right: a zero step counts as 1
def quantize_uniform(code, bits):
    low, high = ends(code)
    step = (high - low) / (2**bits - 1)
    step[step == 0] = 1
    return ((code - like(low, code)) / like(step, code)).round().to(torch.uint8), low, high


# %% right: NaN of 0/0 made 0
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = torch.nan_to_num((code - like(low, code)) / like(high - low, code))
    return torch.round(u * ((1 << bits) - 1)).type(torch.uint8), low, high


# %% right: numpy, and back
def quantize_uniform(code, bits):
    x = code.detach().numpy()
    axes = tuple(range(1, x.ndim))
    low, high = x.min(axis=axes, keepdims=True), x.max(axis=axes, keepdims=True)
    span = np.where(high > low, high - low, 1)
    q = np.rint((x - low) / span * (2**bits - 1)).astype(np.uint8)
    return torch.from_numpy(q), torch.from_numpy(low.reshape(-1)), torch.from_numpy(high.reshape(-1))


# %% right: the nearest of all levels, by argmin
def quantize_uniform(code, bits):
    low, high = ends(code)
    share = torch.linspace(0, 1, 2**bits, dtype=code.dtype)
    levels = low[:, None] + share * (high - low)[:, None]
    flat = code.reshape(len(code), -1)
    q = (flat[:, :, None] - levels[:, None]).abs().argmin(dim=2)
    return q.reshape(code.shape), low, high


# %% right: by the borders between the levels
def quantize_uniform(code, bits):
    low, high = ends(code)
    rows = []
    for x, a, b in zip(code.reshape(len(code), -1), low, high):
        levels = torch.linspace(0, 1, 2**bits, dtype=torch.float64) * (b - a).double() + a.double()
        rows.append(torch.bucketize(x.double(), (levels[1:] + levels[:-1]) / 2))
    return torch.stack(rows).reshape(code.shape), low, high


# %% right: in float64 inside, other names, a list returned
def quantize_uniform(c, b):
    x = c.double().flatten(1)
    lo, hi = x.min(1, keepdim=True)[0], x.max(1, keepdim=True)[0]
    q = ((x - lo) * (2**b - 1) / (hi - lo + (hi == lo))).round().short()
    return [q.view(c.shape), lo[:, 0].to(c.dtype), hi[:, 0].to(c.dtype)]


# %% right: torch.quantize_per_tensor for every sample
def quantize_uniform(code, bits):
    low, high = ends(code)
    q = []
    for x, a, b in zip(code, low, high):
        scale = float(b - a) / (2**bits - 1) or 1.0
        q.append(torch.fake_quantize_per_tensor_affine((x - a).float(), scale, 0, 0, 2**bits - 1) / scale)
    return torch.stack(q).round().long(), low, high


# %% right: a named tuple, with no gradient
from collections import namedtuple

Sent = namedtuple("Sent", "integers low high")


@torch.no_grad()
def quantize_uniform(code, bits):
    low, high = ends(code)
    width = like(high - low, code)
    u = torch.where(width > 0, (code - like(low, code)) / width.masked_fill(width == 0, 1), torch.zeros_like(code))
    return Sent(u.mul(2**bits - 1).round_().byte(), low, high)


# %% right: halves go up, not to the even integer
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like(torch.where(high == low, 1.0, high - low), code)
    return (u * (2**bits - 1)).add(0.5).long(), low, high


# %% wrong: cut off -> The digits after the point are cut off
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).to(torch.uint8), low, high


# %% wrong: a whole division -> The digits after the point are cut off
def quantize_uniform(code, bits):
    low, high = ends(code)
    step = ((high - low) / (2**bits - 1)).clamp_min(1e-30)
    return ((code - like(low, code)) // like(step, code)).long(), low, high


# %% wrong: rounded up -> rounded up
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).ceil().long(), low, high


# %% wrong: 2^bits steps -> 2^bits integers end at 2^bits - 1
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * 2**bits).round().long(), low, high


# %% wrong: 2^bits steps, where 256 becomes 0 in a byte -> 2^bits integers end at 2^bits - 1
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * 2**bits).round().long().to(torch.uint8), low, high


# %% wrong: 2^bits steps, cut to the range -> 2^bits integers end at 2^bits - 1
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * 2**bits).round().clamp(0, 2**bits - 1).long(), low, high


# %% wrong: numbers of bins -> These are the numbers of 2^bits bins
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * 2**bits).floor().clamp(max=2**bits - 1).long(), low, high


# %% wrong: always 256 levels -> There are always 256 levels
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * 255).round().to(torch.uint8), low, high


# %% wrong: bits for levels -> `bits` is used as the number of levels
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * bits).round().to(torch.uint8), low, high


# %% wrong: one range for the batch -> serve the whole batch
def quantize_uniform(code, bits):
    low, high = code.min(), code.max()
    q = ((code - low) / (high - low).clamp_min(1e-30) * (2**bits - 1)).round().long()
    return q, low.expand(len(code)), high.expand(len(code))


# %% wrong: one range for the batch, though the samples' own are sent -> serve the whole batch
def quantize_uniform(code, bits):
    low, high = code.min(), code.max()
    q = ((code - low) / (high - low).clamp_min(1e-30) * (2**bits - 1)).round().long()
    return q, *ends(code)


# %% wrong: two numbers for the batch -> one end for the whole batch
def quantize_uniform(code, bits):
    low, high = code.min(), code.max()
    return ((code - low) / (high - low).clamp_min(1e-30) * (2**bits - 1)).round().long(), low, high


# %% wrong: floats for the ends -> Your `low` is a float
def quantize_uniform(code, bits):
    low, high = code.min().item(), code.max().item()
    return ((code - low) / max(high - low, 1e-30) * (2**bits - 1)).round().long(), low, high


# %% wrong: over the batch -> The ends are taken over the batch, one for each place
def quantize_uniform(code, bits):
    low, high = code.amin(0), code.amax(0)
    q = ((code - low) / (high - low).clamp_min(1e-30) * (2**bits - 1)).round().long()
    return q, *ends(code)


# %% wrong: the ends over the first axis after the batch -> taken over one axis only
def quantize_uniform(code, bits):
    low, high = code.amin(1), code.amax(1)
    span = (high - low).clamp_min(1e-30).unsqueeze(1)
    return ((code - low.unsqueeze(1)) / span * (2**bits - 1)).round().long(), low, high


# %% wrong: over one axis, which is kept -> Without `keepdim=True`
def quantize_uniform(code, bits):
    low, high = code.amin(1, keepdim=True), code.amax(1, keepdim=True)
    q = ((code - low) / (high - low).clamp_min(1e-30) * (2**bits - 1)).round().long()
    return q, low, high


# %% wrong: over the last axis, with the sample's ends -> taken over the last axis only
def quantize_uniform(code, bits):
    low, high = code.amin(-1, keepdim=True), code.amax(-1, keepdim=True)
    q = ((code - low) / (high - low).clamp_min(1e-30) * (2**bits - 1)).round().long()
    return q, *ends(code)


# %% wrong: low is 0 -> `low` is taken for 0
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code / like(high.clamp_min(1e-30), code)).clamp(0, 1)
    return (u * (2**bits - 1)).round().long(), torch.zeros_like(low), high


# %% wrong: symmetric -> symmetrically about 0
def quantize_uniform(code, bits):
    high = code.flatten(1).abs().amax(1)
    u = (code + like(high, code)) / (2 * like(high, code)).clamp_min(1e-30)
    return (u * (2**bits - 1)).round().long(), -high, high


# %% wrong: numbers between 0 and 1 -> The code is taken for numbers from 0 to 1
def quantize_uniform(code, bits):
    low, high = ends(code)
    return (code.clamp(0, 1) * (2**bits - 1)).round().long(), low, high


# %% wrong: signed -> lie outside
def quantize_uniform(code, bits):
    high = code.flatten(1).abs().amax(1)
    q = (code / like(high, code).clamp_min(1e-30) * (2 ** (bits - 1) - 1)).round().long()
    return q, *ends(code)


# %% wrong: shifted to signed integers -> The integers are signed
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).round().long() - 2 ** (bits - 1), low, high


# %% wrong: int8 -> An int8 holds
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).round().to(torch.int64).to(torch.int8), low, high


# %% wrong: floats -> What is sent are integers
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).round(), low, high


# %% wrong: the restored code -> What is sent are integers
def quantize_uniform(code, bits):
    low, high = ends(code)
    step = like((high - low).clamp_min(1e-30) / (2**bits - 1), code)
    return like(low, code) + ((code - like(low, code)) / step).round() * step, low, high


# %% wrong: only the integers -> `return integers, low, high`
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).round().long()


# %% wrong: the ends together -> Your function returns 2 things
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).round().long(), torch.stack([low, high], 1)


# %% wrong: the ends first -> The order is (integers, low, high)
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return low, high, (u * (2**bits - 1)).round().long()


# %% wrong: high first -> `low` and `high` are exchanged
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).round().long(), high, low


# %% wrong: the step for high -> the step between two levels
def quantize_uniform(code, bits):
    low, high = ends(code)
    step = (high - low).clamp_min(1e-30) / (2**bits - 1)
    return ((code - like(low, code)) / like(step, code)).round().long(), low, step


# %% wrong: scale and zero point -> These are step and low
def quantize_uniform(code, bits):
    low, high = ends(code)
    step = (high - low).clamp_min(1e-30) / (2**bits - 1)
    return ((code - like(low, code)) / like(step, code)).round().long(), step, low


# %% wrong: the width for high -> the width high - low
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).round().long(), low, high - low


# %% wrong: upside down -> upside down
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (like(high, code) - code) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).round().long(), low, high


# %% wrong: 0/0 in a constant sample -> NaN becomes a meaningless integer
def quantize_uniform(code, bits):
    low, high = ends(code)
    return ((code - like(low, code)) / like(high - low, code) * (2**bits - 1)).round().long(), low, high


# %% wrong: something added to the width -> A small number is added to high - low
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / (like(high - low, code) + 1e-5)
    return (u * (2**bits - 1)).round().long(), low, high


# %% wrong: not stretched -> not stretched
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return u.round().long(), low, high


# %% wrong: three standard deviations -> `low` is not the smallest number of each sample
def quantize_uniform(code, bits):
    flat = code.flatten(1)
    low, high = flat.mean(1) - 3 * flat.std(1), flat.mean(1) + 3 * flat.std(1)
    u = ((code - like(low, code)) / like((high - low).clamp_min(1e-30), code)).clamp(0, 1)
    return (u * (2**bits - 1)).round().long(), low, high


# %% wrong: rounded at random -> farther from their level than half a step
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1) + torch.rand_like(u)).floor().clamp(max=2**bits - 1).long(), low, high


# %% wrong: in place -> changes its argument `code`
def quantize_uniform(code, bits):
    low, high = ends(code)
    low, high = low.clone(), high.clone()
    code -= like(low, code)
    code /= like((high - low).clamp_min(1e-30), code)
    return (code * (2**bits - 1)).round().long(), low, high


# %% wrong: flattened -> .reshape(code.shape)
def quantize_uniform(code, bits):
    flat = code.flatten(1)
    low, high = ends(code)
    u = (flat - low[:, None]) / (high - low).clamp_min(1e-30)[:, None]
    return (u * (2**bits - 1)).round().long(), low, high


# %% wrong: ends that keep their axes -> Without `keepdim=True`
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).round().long(), like(low, code), like(high, code)


# %% wrong: integers for the ends -> expected are floating-point numbers
def quantize_uniform(code, bits):
    low, high = ends(code)
    u = (code - like(low, code)) / like((high - low).clamp_min(1e-30), code)
    return (u * (2**bits - 1)).round().long(), low.round().long(), high.round().long()


# %% trivial: zeros
def quantize_uniform(code, bits):
    low, high = ends(code)
    return torch.zeros_like(code, dtype=torch.long), low, high


# %% trivial: nothing
def quantize_uniform(code, bits):
    return None


# %% trivial: the code
def quantize_uniform(code, bits):
    return code


# %% trivial: NaN
def quantize_uniform(code, bits):
    return code.long(), code.flatten(1)[:, 0] * torch.nan, code.flatten(1)[:, 0]


# %% trivial: cast
def quantize_uniform(code, bits):
    return code.to(torch.uint8), *ends(code)
