"""The importer's arithmetic: comparisons through chains, coefficients and their bounds, weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from forced import settled, smooth_images
from hypothesis import given, settings
from hypothesis import strategies as st
from spanbit.graph.fold import fold_batchnorm
from spanbit.graph.infer import MAX_WEIGHT_SUM
from spanbit.graph.ops import RealConv, Requantize, Threshold
from spanbit.importers import explain_torch
from spanbit.importers.comparison import Comparison
from spanbit.importers.integers import head_rows, mixed, requantized
from spanbit.importers.values import Affine, BatchNorm, Clamp, Slope, Step
from spanbit.importers.weights import as_signs, expand_dilation, expand_groups
from spanbit.nn import StemConv2d
from spanbit.reference.operators import real_conv, requantize, threshold
from spanbit.reference.run import run_graph
from torch import nn

SEEDS = st.integers(0, 2**31)
CHANNELS = 7


def applied(step: Step, x: np.ndarray) -> np.ndarray:
    """What a step makes of numbers [C, n]."""
    match step:
        case BatchNorm():
            deviation = np.sqrt(step.var + step.eps)[:, None]
            return step.gamma[:, None] * (x - step.mean[:, None]) / deviation + step.beta[:, None]
        case Affine():
            return step.scale[:, None] * x + step.bias[:, None]
        case Clamp():
            return np.clip(x, step.lowest, step.highest)
        case Slope():
            return np.where(x < 0, step.slope[:, None] * x, x)
    raise AssertionError(step)


def random_step(rng: np.random.Generator) -> Step:
    """Numbers that float64 calculates with exactly, zeros and equal bounds among them."""

    def some(low: int, high: int) -> np.ndarray:
        return rng.integers(low, high + 1, CHANNELS) / 2.0

    kind = rng.integers(0, 4)
    if kind == 0:
        return BatchNorm(
            some(-4, 4), some(-6, 6), some(-20, 20), 4.0 ** rng.integers(0, 3, CHANNELS), 0.0, True
        )
    if kind == 1:
        return Affine(some(-4, 4), some(-10, 10))
    if kind == 2:
        low, high = np.sort(rng.integers(-8, 9, 2) / 2.0)
        return Clamp(float(low), float(high))
    return Slope(2.0 ** -rng.integers(0, 3, CHANNELS) * (rng.random(CHANNELS) < 0.8))


@settings(max_examples=300, deadline=None)
@given(seed=SEEDS, length=st.integers(0, 5), strict=st.booleans())
def test_a_comparison_answers_as_the_chain_does(seed: int, length: int, strict: bool) -> None:
    rng = np.random.default_rng(seed)
    steps = [random_step(rng) for _ in range(length)]
    sums = np.tile(np.arange(-200, 201), (CHANNELS, 1))
    numbers = sums.astype(np.float64)
    for step in steps:
        numbers = applied(step, numbers)
    expected = numbers > 0 if strict else numbers >= 0
    asked = Comparison.of_sign(CHANNELS, strict)
    for step in reversed(steps):
        asked = asked.before(step)
    bits = threshold(Threshold("t", *asked.integers()), sums[:, None].astype(np.int32))[:, 0]
    # A bound that is a third of something may round; then one sum, at a tie, may differ.
    assert (bits != expected).sum(axis=1).max() <= 1
    assert np.array_equal(bits, expected) or any(
        isinstance(step, BatchNorm | Affine | Slope) for step in steps
    )


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS)
def test_a_batch_norm_alone_is_folded_as_in_training(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gamma, beta, mean = (rng.normal(size=9) for _ in range(3))
    gamma[0] = 0
    var = rng.random(9)
    step = BatchNorm(gamma, beta, 50 * mean, var, 1e-5, True)
    value, compare = Comparison.of_sign(9).before(step).integers()
    expected = fold_batchnorm(gamma, beta, 50 * mean, var, 1e-5)
    assert np.array_equal(value, expected[0]) and np.array_equal(compare, expected[1])


@settings(max_examples=200, deadline=None)
@given(
    seed=SEEDS, size=st.sampled_from([1e-6, 1e-2, 1.0, 30.0, 1000.0]), reach=st.sampled_from([1, 100, 4608])
)
def test_requantized_numbers_are_within_their_bound(seed: int, size: float, reach: int) -> None:
    rng = np.random.default_rng(seed)
    scale, bias = rng.normal(size=6) * size, rng.normal(size=6) * size * 10
    scale[0] = 0
    multiplier, whole, shift, error = requantized(scale, bias, np.full(6, float(reach)))
    sums = rng.integers(-reach, reach + 1, (6, 5, 8)).astype(np.int32)
    got = requantize(Requantize("r", multiplier, whole, shift), sums)
    exact = np.clip(scale[:, None, None] * sums + bias[:, None, None], -32768, 32767)
    assert (np.abs(got - exact).max(axis=(1, 2)) <= error).all()
    assert error.max() < 0.5 + 2e-4 * max(1.0, size * (reach + 40))


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, size=st.sampled_from([1e-4, 0.1, 1.0]), inputs=st.integers(1, 300))
def test_mixed_numbers_are_within_their_bound_and_their_sums_within_int32(
    seed: int, size: float, inputs: int
) -> None:
    rng = np.random.default_rng(seed)
    weight, bias = rng.normal(size=(5, inputs)) * size, rng.normal(size=5) * 1000 * size
    weight[0] = 0
    magnitude = rng.integers(1, 3000, inputs)
    rows, whole, shift, error = mixed(weight, bias, magnitude.astype(np.float64))
    reach = np.abs(rows.astype(np.int64)).sum(axis=1) * 2**15 + np.abs(whole.astype(np.int64))
    assert reach.max() < 2**31
    x = (rng.integers(-1, 2, (inputs, 3, 3)) * magnitude[:, None, None]).astype(np.int16)
    got = real_conv(RealConv("c", rows, whole, shift), x)
    exact = np.einsum("oc,cyx->oyx", weight, x.astype(np.float64)) + bias[:, None, None]
    assert (np.abs(got - np.clip(exact, -32768, 32767)).max(axis=(1, 2)) <= error).all()


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, inputs=st.integers(1, 3000), size=st.sampled_from([1e-9, 1.0, 1e6]))
def test_rows_of_a_head_use_the_room_that_they_have(seed: int, inputs: int, size: float) -> None:
    weight = np.random.default_rng(seed).normal(size=(3, inputs)) * size
    weight[0] = 0
    rows, scale = head_rows(weight)
    total = np.abs(rows.astype(np.int64)).sum(axis=1)
    assert total.max() <= MAX_WEIGHT_SUM and total[0] == 0
    assert (np.abs(rows * scale[:, None] - weight) <= scale[:, None] / 2 * (1 + 1e-9)).all()
    full = np.abs(rows.astype(np.int64)).max(axis=1) == 32767
    assert (full | (total >= MAX_WEIGHT_SUM - inputs - 2))[1:].all()


def test_signs_and_their_scale() -> None:
    rng = np.random.default_rng(0)
    sign = rng.integers(-1, 2, (5, 4, 3, 3)).astype(np.float64)
    sign[0] = 0
    scale = np.array([1, 0.5, 0.1, 3, 1e-5])
    found = as_signs(sign * scale[:, None, None, None])
    assert found is not None and np.array_equal(found[0], sign)
    assert np.allclose(found[1], scale, rtol=1e-12)
    noisy = sign * (1 + 1e-6 * rng.normal(size=sign.shape))  # as an estimator leaves them behind
    found = as_signs(noisy)
    assert found is not None and np.array_equal(found[0], sign)
    assert as_signs(rng.normal(size=(2, 3, 1, 1))) is None


@pytest.mark.parametrize(("groups", "dilation"), [(1, (2, 2)), (2, (1, 1)), (4, (2, 3))])
def test_expanded_weights_convolve_the_same(groups: int, dilation: tuple[int, int]) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 12, (3, 2), groups=groups, dilation=dilation, bias=False).double()
    x = torch.randn(1, 8, 11, 12, dtype=torch.float64)
    wide = expand_dilation(expand_groups(conv.weight.detach().numpy(), groups), dilation)
    with torch.no_grad():
        assert torch.allclose(nn.functional.conv2d(x, torch.from_numpy(wide)), conv(x))


@pytest.mark.parametrize(
    "curve",
    [
        nn.ReLU(),
        nn.ReLU6(),
        nn.Hardtanh(-0.7, 0.4),
        nn.PReLU(4, -0.3),
        nn.LeakyReLU(0.2),
        nn.Sequential(nn.Hardtanh(-0.5, 0.9), nn.PReLU(4, 1.7), nn.BatchNorm2d(4)),
        nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.ReLU(), nn.AvgPool2d(2, ceil_mode=True)),
    ],
    ids=str,
)
def test_functions_of_numbers_are_within_their_bounds(curve: nn.Module) -> None:
    torch.manual_seed(0)
    stem = StemConv2d(2, 4, 3, padding=1, mean=(0.5, 0.4), std=(0.2, 0.3))
    net = nn.Sequential(stem, nn.BatchNorm2d(4), curve, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = smooth_images(8, 2, 9, 0)
    explanation = explain_torch(settled(net, images, 0), (2, 9, 9))
    graph = explanation.graph
    seen: dict[str, np.ndarray] = {}
    for name, module in net.named_modules():
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out[0].numpy()}))
    with torch.no_grad():
        theirs = net(images[:1])[0].numpy()
    outputs = run_graph(graph, images[0].permute(1, 2, 0).contiguous().numpy())
    assert explanation.logits is not None
    assert (np.abs(outputs[-1] - theirs) <= explanation.logits + 1e-6).all()
    compared = 0
    for at, (op, output) in enumerate(zip(graph.ops, outputs, strict=True)):
        real, name = explanation.reals.get(at), op.name.removesuffix(".max")
        last = all(other.name.removesuffix(".max") != name for other in graph.ops[at + 1 :])
        if real is not None and last and name in seen and seen[name].shape == output.shape:
            off = np.abs(output / 2.0**real.fraction - seen[name]).max(axis=(1, 2))
            assert (off <= real.error + 1e-6).all(), name
            compared += 1
    assert compared >= 3


def test_slopes_that_int16_does_not_hold_are_refused() -> None:
    stem = StemConv2d(1, 4, 3, mean=(0.5,), std=(0.2,))
    net = nn.Sequential(stem, nn.BatchNorm2d(4), nn.PReLU(4, 2.5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(Exception, match="slope of 2"):
        explain_torch(net, (1, 8, 8))
