"""A model and its bundle, compared here and on a board.

agreement = verify_model(Path("demo.pt"), bundle, images, watcher)
differs_on_board(board, "board", bundle, images, timeout=120, watcher=watcher)     # "" or a layer's name
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text
from spanbit.bundle import write_bundle
from spanbit.cli.files import read_file
from spanbit.errors import ExitCode, SpanbitError
from spanbit.importers import explain_file
from spanbit.importers.assemble import Numbers, normalisation
from spanbit.importers.explain import Explanation
from spanbit.sources import Source, onnx_source, stored_source, torch_source
from spanbit.verify import Agreement, check_same_network, compare_source

from spanbit_deploy.bundle_file import BundleFile
from spanbit_deploy.execute import RunPlan, execute
from spanbit_deploy.images import Images
from spanbit_deploy.place import choose_target
from spanbit_deploy.runner_failure import RunnerError
from spanbit_deploy.transports import Transport
from spanbit_deploy.watcher import Watcher

_CHECKED_WHOLE = 3  # images for which model and bundle are compared as graphs


def verify_model(
    path: Path,
    bundle: BundleFile,
    images: Images,
    watcher: Watcher,
    mean: Numbers | None = None,
    std: Numbers | None = None,
) -> Agreement:
    """The model `path` against what was imported from it, and that against the bundle.

    A checkpoint runs in PyTorch, an ONNX model in ONNX Runtime; where the images' file has the model's own
    logits, these are taken instead, whatever the model is, and what its layers gave with them.

    Raises:
        SpanbitError: not a model, the bundle is of another network, or nothing here can run the model.
    """
    watcher.stage(f"reading {path.name}")
    data = read_file(path)
    explanation = explain_file(data, str(path), mean, std)
    graph = explanation.graph
    check_same_network(graph, bundle.compiled.graph, images.pixels[:_CHECKED_WHOLE], bundle.name)
    source = _source(path, data, explanation, images, mean, std)
    watcher.stage(f"running {path.name} and the reference")
    return compare_source(source, graph, images.pixels)


def _source(
    path: Path,
    data: bytes,
    explanation: Explanation,
    images: Images,
    mean: Numbers | None,
    std: Numbers | None,
) -> Source:
    if images.logits is not None:
        return stored_source(images.pixels, images.logits, images.layers, explanation)
    if path.suffix.lower() == ".onnx":
        taken = normalisation(explanation.graph.input, mean, std, str(path))
        if taken is None:
            return onnx_source(data, str(path), explanation, lambda pixels: pixels)
        scale, bias = (part.astype(np.float32)[:, None, None] for part in (taken.scale, taken.bias))
        return onnx_source(data, str(path), explanation, lambda pixels: pixels * scale + bias)
    try:
        from spanbit.nn.checkpoint import read_checkpoint

        net, _ = read_checkpoint(data, str(path))
    except SpanbitError as failure:
        raise SpanbitError(
            "nothing here can run this model",
            where=str(path),
            why=failure.what,
            fix="give --data an .npz with `images` and what its own framework made of them, at least "
            "`logits`; examples/keras_layers.py writes one for Keras and Larq",
        ) from failure
    return torch_source(net, explanation.graph)


def differs_on_board(
    board: Transport, on: str, bundle: BundleFile, images: Images, *, timeout: float, watcher: Watcher
) -> str:
    """The first layer that the board calculates otherwise than the reference; "": none.

    The images go to the board as golden records of a bundle of its own, which the runner checks layer by
    layer.
    """
    choice = choose_target(on, board, bundle_target=bundle.target, wanted=None)
    watcher.stage("calculating what every layer must give")
    data = write_bundle(bundle.compiled, images.pixels)
    golden = replace(bundle, name=f"{bundle.name[:57]}-verify", data=data, signature="")
    try:
        execute(board, choice.target, golden, images=None, plan=RunPlan(), timeout=timeout, watcher=watcher)
    except RunnerError as failure:
        if failure.code is not ExitCode.GOLDEN_MISMATCH:
            raise
        return failure.layer_name or failure.what
    return ""


def agreement_table(agreement: Agreement, differs: str, *, on: str) -> Group:
    """A row a layer that model and graph both have, and what the place gave."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("layer", "what", "equal", "largest difference"):
        table.add_column(title, justify="right" if title in ("equal", "largest difference") else "left")
    for layer in agreement.layers:
        share = f"{layer.equal:,} of {layer.total:,}"
        table.add_row(Text(layer.name), layer.what, share, f"{layer.largest:.3g}")
    first = agreement.first_difference
    lines = [
        f"model and bundle: {agreement.same_class} of {agreement.images} images have the same class; "
        + (f"the first layer that is not equal everywhere is {first}" if first else "every layer is equal"),
        f"{on} and reference: "
        + (f"layer {differs} DIFFERS" if differs else f"every layer equal for {agreement.images} images"),
    ]
    return Group(table, *(Text(line) for line in lines))
