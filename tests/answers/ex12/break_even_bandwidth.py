# ruff: noqa
# Answers to break_even_bandwidth: each block is what a learner might write.
import math

import numpy as np
import torch


# %% right: the time that is left
def break_even_bandwidth(device_seconds_full, device_seconds_head, server_seconds, payload_bytes, latency):
    left = device_seconds_full - device_seconds_head - server_seconds - latency
    return payload_bytes / left if left > 0 else math.inf


# %% right: two times compared, float("inf")
def break_even_bandwidth(device_seconds_full, device_seconds_head, server_seconds, payload_bytes, latency):
    without_bytes = device_seconds_head + latency + server_seconds
    if without_bytes >= device_seconds_full:
        return float("inf")
    return payload_bytes / (device_seconds_full - without_bytes)


# %% right: numpy
def break_even_bandwidth(full, head, server, payload, latency):
    left = np.float64(full) - (head + server + latency)
    return np.where(left > 0, payload / np.where(left > 0, left, 1.0), np.inf)[()]


# %% right: a tensor
def break_even_bandwidth(full, head, server, payload, latency):
    left = torch.tensor(float(full), dtype=torch.float64) - head - server - latency
    return payload / left if left > 0 else torch.tensor(torch.inf)


# %% right: seconds for each byte, and one over them
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - (head + server + latency)
    if left <= 0:
        return np.inf
    if payload == 0:
        return 0.0
    return 1 / (left / payload)


# %% right: keyword-only latency
def break_even_bandwidth(full, head, server, payload, *, latency):
    left = full - head - server - latency
    return math.inf if not left > 0 else float(payload) / left


# %% right: sum with signs
def break_even_bandwidth(*times):
    full, head, server, payload, latency = map(float, times)
    left = math.fsum([full, -head, -server, -latency])
    try:
        return payload / left if left >= 0 else math.inf
    except ZeroDivisionError:
        return math.inf


# %% right: bisection
def break_even_bandwidth(full, head, server, payload, latency):
    def wins(bandwidth):
        return head + latency + payload / bandwidth + server < full

    if head + latency + server >= full:
        return math.inf
    if payload == 0:
        return 0
    low, high = 0.0, 1.0
    while not wins(high):
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if wins(middle) else (middle, high)
    return high


# %% right: fractions
def break_even_bandwidth(full, head, server, payload, latency):
    from fractions import Fraction as Q

    left = Q(full) - Q(head) - Q(server) - Q(latency)
    return float(Q(payload) / left) if left > Q(1, 10**12) else math.inf


# %% wrong: no latency -> The latency is left out
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server
    return payload / left if left > 0 else math.inf


# %% wrong: no server -> The server's time is left out
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - latency
    return payload / left if left > 0 else math.inf


# %% wrong: no head -> The device's own part is left out
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - server - latency
    return payload / left if left > 0 else math.inf


# %% wrong: the whole net's time only -> Head, server and latency are left out
def break_even_bandwidth(full, head, server, payload, latency):
    return payload / full


# %% wrong: the latency twice -> The latency counts twice
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - 2 * latency
    return payload / left if left > 0 else math.inf


# %% wrong: half the latency -> The latency counts half
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency / 2
    return payload / left if left > 0 else math.inf


# %% wrong: bits -> These are bits per second
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return 8 * payload / left if left > 0 else math.inf


# %% wrong: bytes taken for bits -> divided by 8
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return payload / 8 / left if left > 0 else math.inf


# %% wrong: kilobytes -> kilobytes
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return payload / 1000 / left if left > 0 else math.inf


# %% wrong: upside down -> seconds per byte
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return left / payload if left > 0 else math.inf


# %% wrong: negative -> no bandwidth is enough
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return payload / left if left else math.inf


# %% wrong: never divided by 0, though negative -> ZeroDivisionError
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return math.inf if left < 0 else payload / left


# %% wrong: no look at the sign -> no bandwidth is enough
def break_even_bandwidth(full, head, server, payload, latency):
    return payload / (full - head - server - latency)


# %% wrong: 0 for never -> 0 would mean that sending wins over any link
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return payload / left if left > 0 else 0.0


# %% wrong: NaN for never -> NaN can be compared with nothing
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return payload / left if left > 0 else math.nan


# %% wrong: None for never -> Your function returns None
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    if left > 0:
        return payload / left


# %% wrong: -1 for never -> -1 is smaller than every bandwidth
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return payload / left if left > 0 else -1


# %% wrong: a small number against 0 -> kept above a small number
def break_even_bandwidth(full, head, server, payload, latency):
    return payload / max(full - head - server - latency, 1e-9)


# %% wrong: abs -> `abs` hides it
def break_even_bandwidth(full, head, server, payload, latency):
    left = abs(full - head - server - latency)
    return payload / left if left else math.inf


# %% wrong: the difference reversed -> The difference is the wrong way round
def break_even_bandwidth(full, head, server, payload, latency):
    left = head + server + latency - full
    return payload / left if left > 0 else math.inf


# %% wrong: missing brackets -> Two signs are wrong
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head + server + latency
    return payload / left if left > 0 else math.inf


# %% wrong: the costs of sending -> Bytes are divided by what sending costs besides
def break_even_bandwidth(full, head, server, payload, latency):
    left = head + server + latency
    return payload / left if left > 0 else math.inf


# %% wrong: nothing to send is never slower -> With nothing to send it may still be slower
def break_even_bandwidth(full, head, server, payload, latency):
    if payload == 0:
        return 0.0
    left = full - head - server - latency
    return payload / left if left > 0 else math.inf


# %% wrong: nothing to send never wins -> every bandwidth is enough
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return payload / left if left > 0 and payload > 0 else math.inf


# %% wrong: True or False -> from which bandwidth on
def break_even_bandwidth(full, head, server, payload, latency):
    return full > head + server + latency


# %% wrong: the seconds -> the seconds that are left
def break_even_bandwidth(full, head, server, payload, latency):
    return full - head - server - latency


# %% wrong: divides by the bytes, of which there may be none -> what is wanted is 0
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return 1 / (left / payload) if left > 0 else math.inf


# %% wrong: bytes times seconds -> Bytes are multiplied
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return payload * left if left > 0 else math.inf


# %% wrong: the sign of the server's time -> The sign of the server's time is wrong
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - (head - server + latency)
    return payload / left if left > 0 else math.inf


# %% wrong: raises for never -> return `math.inf`
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    if left <= 0:
        raise ValueError("sending never wins")
    return payload / left


# %% wrong: arguments in another order -> sending
def break_even_bandwidth(head, full, server, payload, latency):
    left = full - head - server - latency
    return payload / left if left > 0 else math.inf


# %% wrong: rounded to whole bytes -> rounded to a whole number
def break_even_bandwidth(full, head, server, payload, latency):
    left = full - head - server - latency
    return round(payload / left) if left > 0 else math.inf


# %% trivial: inf
def break_even_bandwidth(full, head, server, payload, latency):
    return math.inf


# %% trivial: 0
def break_even_bandwidth(full, head, server, payload, latency):
    return 0


# %% trivial: NaN
def break_even_bandwidth(full, head, server, payload, latency):
    return math.nan


# %% trivial: the payload
def break_even_bandwidth(full, head, server, payload, latency):
    return payload


# %% trivial: nothing
def break_even_bandwidth(full, head, server, payload, latency):
    return None
