"""Steps on a number in fixed point: bends, clamps, scales and pools, one operator each.

Shifts are part of the PReLU in front of which or behind which they stand, as ReActNet's RPReLU has them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spanbit.graph.ops import MaxPool
from spanbit.importers.drafts import CeilingDraft, CurveDraft, DraftStep, MixDraft, Range
from spanbit.importers.layers import affine_of, then
from spanbit.importers.plan import Plan
from spanbit.importers.values import Affine, BatchNorm, Clamp, Floats, Largest, Slope, Value

_DEVIATIONS = 4
"""Behind a batch-norm a number is taken to be within so many of its deviations."""


def known_range(step: BatchNorm | Affine) -> Range | None:
    """Where a batch-norm's results lie, whatever comes in; None where its statistics say nothing."""
    if not isinstance(step, BatchNorm) or not step.learnt:
        return None
    spread = _DEVIATIONS * np.abs(step.gamma)
    return Range(step.beta - spread, step.beta + spread)


def steps_on_number(plan: Plan, draft: int, chain: list[Value]) -> int:
    """Operators on the number `draft`, one for each step but shifts around a PReLU."""
    shift: Floats = np.zeros(plan.drafts[draft].shape.channels)
    waiting: list[Value] = []
    given = draft  # of others too, so it stays as it is
    for part in chain:
        channels = part.shape.channels
        curve = plan.drafts[draft].step
        step = part.step
        if isinstance(step, BatchNorm | Affine):
            affine = affine_of(step)
            if (affine.scale == 1).all():
                if isinstance(curve, CurveDraft) and draft != given and not waiting:
                    plan.drafts[draft].step = replace(curve, after=curve.after + affine.bias)
                    plan.drafts[draft].values.append(part)
                    plan.fold([part], draft)
                else:
                    shift = shift + affine.bias
                    waiting.append(part)
                continue
            affine = then(Affine(np.ones(channels), shift), affine)
            mix = MixDraft(np.diag(affine.scale), affine.bias, 1, known_range(step))
            draft = _step(plan, part, mix, draft, waiting)
        elif isinstance(step, Slope):
            draft = _step(plan, part, CurveDraft(shift, step.slope, np.zeros(channels)), draft, waiting)
        elif isinstance(step, Clamp):
            draft = _clamp(plan, part, step, shift, draft, waiting)
        else:
            assert isinstance(step, Largest)
            op = MaxPool(part.path, None, step.kernel, step.stride, step.padding, step.ceil)
            if waiting:  # the same for all pixels, so it may come behind
                draft = _step(plan, part, op, draft, [])
                continue
            draft = _step(plan, part, op, draft, waiting)
        shift, waiting = np.zeros(channels), []
    if waiting:
        part = waiting.pop()
        ones = np.ones(part.shape.channels)
        draft = _step(plan, part, CurveDraft(shift, ones, 0 * ones), draft, waiting)
    return draft


def _step(plan: Plan, part: Value, step: DraftStep, source: int, waiting: list[Value]) -> int:
    draft = plan.add(part.path, step, (source,), [*waiting, part], part.shape)
    plan.fold(waiting, draft)
    plan.keep(part, draft)
    return draft


def _clamp(plan: Plan, part: Value, step: Clamp, shift: Floats, draft: int, waiting: list[Value]) -> int:
    """max(x, lowest) = ReLU(x - lowest) + lowest, and a ceiling."""
    channels = part.shape.channels
    if step.lowest > -np.inf:
        low = np.full(channels, step.lowest)
        curve = CurveDraft(shift - low, np.zeros(channels), low)
    else:
        curve = CurveDraft(shift, np.ones(channels), np.zeros(channels))
    draft = _step(plan, part, curve, draft, waiting)
    if step.highest < np.inf:
        draft = plan.add(f"{part.path}.max", CeilingDraft(step.highest), (draft,), [part], part.shape)
        plan.keep(part, draft)
    return draft
