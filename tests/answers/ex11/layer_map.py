# ruff: noqa
# Answers to layer_map: each block is what a learner might write. The text after `->` must be in the feedback.
import numpy as np
import torch


# %% right: a range
def layer_map(teacher_layers, student_layers):
    if teacher_layers % student_layers:
        raise ValueError("must divide")
    return tuple(range(0, teacher_layers + 1, teacher_layers // student_layers))


# %% right: products, a list
def layer_map(T, S):
    if T % S != 0:
        raise ValueError(f"{T} layers cannot be shared among {S}")
    return [i * (T // S) for i in range(S + 1)]


# %% right: divmod
def layer_map(T, S):
    step, rest = divmod(T, S)
    if rest:
        raise ValueError
    return tuple(step * i for i in range(1 + S))


# %% right: added up
def layer_map(T, S):
    result, place = [0], 0
    for _ in range(S):
        place += T / S
        if not float(place).is_integer():
            raise ValueError("no")
        result.append(int(place))
    return tuple(result)


# %% right: numpy
def layer_map(T, S):
    if T % S:
        raise ValueError("no")
    return np.arange(S + 1) * (T // S)


# %% right: linspace, rounded after a look
def layer_map(T, S):
    places = np.linspace(0, T, S + 1)
    if T % S or S > T:
        raise ValueError("no")
    return tuple(int(round(p)) for p in places)


# %% right: torch, a range
def layer_map(T, S):
    if T // S * S != T:
        raise ValueError("no")
    return torch.arange(0, T + 1, T // S)


# %% right: keywords
def layer_map(teacher_layers, student_layers):
    quotient = teacher_layers // student_layers
    if quotient * student_layers != teacher_layers:
        raise ValueError("student_layers must divide teacher_layers")
    return (0,) + tuple(quotient * layer for layer in range(1, student_layers + 1))


# %% wrong: no refusal -> expected is a ValueError
def layer_map(T, S):
    return tuple(i * T // S for i in range(S + 1))


# %% wrong: an assertion -> vanishes under
def layer_map(T, S):
    assert T % S == 0
    return tuple(i * T // S for i in range(S + 1))


# %% wrong: the embedding left out -> The embedding is left out
def layer_map(T, S):
    if T % S:
        raise ValueError
    return tuple(i * T // S for i in range(1, S + 1))


# %% wrong: the last left out -> the last layer is left out
def layer_map(T, S):
    if T % S:
        raise ValueError
    return tuple(i * T // S for i in range(S))


# %% wrong: attention's indices -> as for lists of attention maps
def layer_map(T, S):
    if T % S:
        raise ValueError
    k = T // S
    return tuple((i + 1) * k - 1 for i in range(S))


# %% wrong: one too low -> one layer too low
def layer_map(T, S):
    if T % S:
        raise ValueError
    return (0, *(i * (T // S) - 1 for i in range(1, S + 1)))


# %% wrong: the first layers -> first layers
def layer_map(T, S):
    if T % S:
        raise ValueError
    return tuple(range(S + 1))


# %% wrong: the last layers -> last layers
def layer_map(T, S):
    if T % S:
        raise ValueError
    return (0, *range(T - S + 1, T + 1))


# %% wrong: begins with 1 -> begins with state 1
def layer_map(T, S):
    if T % S:
        raise ValueError
    return tuple(1 + i * (T // S) for i in range(S + 1))


# %% wrong: arguments exchanged -> Your function raises
def layer_map(S, T):
    if T % S:
        raise ValueError
    return tuple(i * (T // S) for i in range(S + 1))


# %% wrong: floats -> divide with `//`
def layer_map(T, S):
    if T % S:
        raise ValueError
    return tuple(i * T / S for i in range(S + 1))


# %% wrong: linspace -> divide with `//`
def layer_map(T, S):
    if T % S:
        raise ValueError
    return tuple(np.linspace(0, T, S + 1))


# %% wrong: reversed -> The order is reversed
def layer_map(T, S):
    if T % S:
        raise ValueError
    return tuple(i * (T // S) for i in range(S, -1, -1))


# %% wrong: a dictionary -> returns a dictionary
def layer_map(T, S):
    if T % S:
        raise ValueError
    return {i: i * (T // S) for i in range(S + 1)}


# %% wrong: a generator -> returns a generator
def layer_map(T, S):
    return (i * (T // S) for i in range(S + 1))


# %% wrong: a set -> which has no order
def layer_map(T, S):
    if T % S:
        raise ValueError
    return {i * (T // S) for i in range(S + 1)}


# %% wrong: the step -> returns a int
def layer_map(T, S):
    if T % S:
        raise ValueError
    return T // S


# %% wrong: None where it does not divide -> expected is a ValueError
def layer_map(T, S):
    return None if T % S else tuple(i * (T // S) for i in range(S + 1))


# %% wrong: prints -> returns None
def layer_map(T, S):
    print(tuple(i * (T // S) for i in range(S + 1)))


# %% wrong: a KeyError -> Your function raises KeyError
def layer_map(T, S):
    if T % S:
        raise KeyError("no")
    return tuple(i * (T // S) for i in range(S + 1))


# %% wrong: refuses even steps only -> expected is a ValueError
def layer_map(T, S):
    if T < S:
        raise ValueError
    return tuple(i * (T // S) for i in range(S + 1))


# %% wrong: refuses a student of one layer -> Your function raises ValueError
def layer_map(T, S):
    if S == 1 or T % S:
        raise ValueError
    return tuple(i * (T // S) for i in range(S + 1))


# %% wrong: fixed for twelve layers -> not the uniform map
def layer_map(T, S):
    if T % S:
        raise ValueError
    return tuple(range(0, 13, 12 // S))


# %% trivial: zero
def layer_map(T, S):
    return 0


# %% trivial: empty
def layer_map(T, S):
    return ()


# %% trivial: nothing
def layer_map(T, S):
    pass


# %% trivial: the input
def layer_map(T, S):
    return (T, S)


# %% trivial: not written
def layer_map(T, S):
    raise NotImplementedError
