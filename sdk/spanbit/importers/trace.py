"""What a PyTorch module calls, one after the other: torch.fx, with an example image that passes along.

    trace = trace_module(net, Shape(3, 32, 32))
    trace.calls[4].path, trace.calls[4].label     # "layer1.0.conv1", "Conv2d"

Layers of PyTorch and of `spanbit.nn` are calls as they are; all other modules are opened. Parameters, and all
that is calculated from them alone (a user's own sign of the weights), are plain tensors. Because every call
also runs on an example, shapes are numbers, and code that looks at them can be traced. An
autograd.Function is opened too, through its `forward`.

In the end the module itself runs on the example. If it gives anything else than the calls do, something was
not seen (a change in place, `.data`), and the module is refused: nothing is ever imported silently wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, fx, nn
from torch.autograd.function import _SingleLevelFunction

from spanbit.errors import SpanbitError
from spanbit.graph.ops import Shape
from spanbit.importers.values import refuse

ACCEPTED = (
    "StemConv2d, BinaryConv2d, BatchNormSign, BinaryLinear and Sign of spanbit.nn, PyTorch's Conv2d, "
    "BatchNorm2d, Linear, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, Hardtanh, ReLU, PReLU, Flatten, Identity, "
    "Dropout, their functions, and +, torch.cat, torch.sign and functions of your own made of them"
)
_FOREIGN_LEAVES = ("torch.nn", "torch.ao.nn")
_FROM_SHAPES = {"expand_as", "expand", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones"}
"""Of these the example is the result, when only shapes come from the image."""


@dataclass(frozen=True, eq=False)
class Call:
    """One call. Other calls stand in `args` where their result was given."""

    path: str
    label: str
    target: Any  # a module, a function, a method's name; None: the image
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    example: Any


@dataclass(frozen=True, eq=False)
class Trace:
    """All calls in their order, and the one whose result the module returns."""

    calls: list[Call]
    result: Call


def trace_module(module: nn.Module, image: Shape, leaves: Callable[[nn.Module], bool]) -> Trace:
    """The calls of `module` in evaluation, for an image of pixels 0..255.

    `leaves` says which modules beyond PyTorch's own are calls of their own. The module comes back as it was.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL; it cannot be traced, named by the place in the module tree.
    """
    # Any noise does; this one is the same in every process and leaves the generator alone.
    generator = torch.Generator().manual_seed(0)
    shape = (1, image.channels, image.height, image.width)
    pixels = torch.randint(0, 256, shape, generator=generator).float()
    with _evaluating(module), torch.no_grad():
        tracer = _Tracer(pixels, leaves)
        try:
            with _opened_functions():
                graph = tracer.trace(module)
        except SpanbitError:
            raise
        except Exception as failure:  # whatever the module's own code raises
            tracer.refused(_first_line(failure))
        trace = _calls(module, graph)
        _check_result(module, pixels, trace)
    return trace


class _Proxy(fx.Proxy):
    """A result that knows its shape: what is asked of that is answered with numbers."""

    @property
    def example(self) -> Any:
        return self.node.meta["example"]

    @property
    def shape(self) -> Any:
        return self.example.shape

    @property
    def dtype(self) -> Any:
        return self.example.dtype

    @property
    def device(self) -> Any:
        return self.example.device

    @property
    def ndim(self) -> int:
        return int(self.example.ndim)

    @property
    def data(self) -> _Proxy:
        return self

    @data.setter
    def data(self, value: _Proxy) -> None:
        # `x.data = sign(x.data)`, as the first binary networks in PyTorch have it.
        self.node = value.node

    def size(self, *args: Any) -> Any:
        return self.example.size(*args)

    def dim(self) -> int:
        return int(self.example.dim())

    def numel(self) -> int:
        return int(self.example.numel())

    def __len__(self) -> int:
        return len(self.example)


class _Tracer(fx.Tracer):
    def __init__(self, pixels: Tensor, leaves: Callable[[nn.Module], bool]) -> None:
        super().__init__()
        self._pixels, self._leaves = pixels, leaves
        self._failed = ""  # the innermost module whose code raised something

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        foreign = m.__module__.startswith(_FOREIGN_LEAVES) and not isinstance(m, nn.Sequential)
        return foreign or self._leaves(m)

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if not _holds_proxy((args, kwargs)):
            return forward(*args, **kwargs)  # of weights alone, or inside an example
        try:
            return super().call_module(m, forward, args, kwargs)
        except SpanbitError:
            raise
        except Exception:
            self._failed = self._failed or self.path_of_module(m)
            raise

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val  # parameters are plain tensors

    def create_arg(self, a: Any) -> Any:
        return a if isinstance(a, Tensor | torch.dtype | torch.device) else super().create_arg(a)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def create_proxy(
        self, kind: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *rest: Any, **more: Any
    ) -> Any:
        proxy = super().create_proxy(kind, target, args, kwargs, *rest, **more)
        node = proxy.node
        if kind == "placeholder":
            if any(other.op == "placeholder" for other in self.graph.nodes if other is not node):
                self.refused("it takes more than one input", "let forward take the image alone")
            node.meta.update(path="", label="image", example=self._pixels)
        elif kind in ("call_module", "call_function", "call_method"):
            node.meta.update(path=self._place(), label=_label(self.root, kind, target))
            if kind == "call_module":
                node.meta["path"] = target
            node.meta["example"] = self._run(node)
            if isinstance(node.meta["example"], Tensor) and _name(target) in _FROM_SHAPES:
                return node.meta["example"]
        return proxy

    def to_bool(self, obj: fx.Proxy) -> bool:
        self.refused(
            "its code decides by the values of a tensor, which differ from image to image",
            "let forward do the same for every image; decisions by shapes are fine",
        )

    def iter(self, obj: fx.Proxy) -> Iterator[Any]:
        self.refused("its code goes through a tensor element by element", "use whole tensors")

    def refused(self, why: str, fix: str = "") -> NoReturn:
        path = self._place()
        module: Any = self.root
        with contextlib.suppress(AttributeError):
            module = self.root.get_submodule(path)
        refuse(path, type(module).__name__, why, fix or f"use {ACCEPTED}")

    def _place(self) -> str:
        return self._failed or (str(self.scope.module_path) if hasattr(self, "scope") else "")

    def _run(self, node: fx.Node) -> Any:
        # On copies: a call that changes its input in place must not reach what others were given.
        def example(other: fx.Node) -> Any:
            value = other.meta["example"]
            return value.clone() if isinstance(value, Tensor) else value

        args = fx.node.map_arg(node.args, example)
        kwargs = fx.node.map_arg(node.kwargs, example)
        target: Any = node.target
        try:
            if node.op == "call_module":
                return self.root.get_submodule(str(target)).forward(*args, **kwargs)
            if node.op == "call_method":
                return getattr(args[0], target)(*args[1:], **kwargs)
            return target(*args, **kwargs)
        except SpanbitError:
            raise
        except Exception as failure:
            shapes = ", ".join(str(list(part.shape)) for part in args if isinstance(part, Tensor))
            flatten = "put nn.Flatten in front of it" if node.meta["label"].endswith("Linear") else ""
            refuse(
                node.meta["path"],
                node.meta["label"],
                f"PyTorch cannot run it on tensors of {shapes}: {_first_line(failure)}",
                flatten or "look at the shapes, and at the input_shape that was given",
            )


@contextlib.contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """All in evaluation, and each as it was afterwards."""
    before = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


@contextlib.contextmanager
def _opened_functions() -> Iterator[None]:
    """An autograd.Function that is given a proxy runs its `forward`, and what that calls is traced."""
    # Not Function.apply: code may have taken `sign = MySign.apply` long ago, and that looks here.
    original = torch._C._FunctionBase.__dict__["apply"]

    def routed(function: Any, *args: Any, **kwargs: Any) -> Any:
        if not _holds_proxy((args, kwargs)):
            return original.__get__(None, function)(*args, **kwargs)
        new_style = function.setup_context is not torch.autograd.Function.setup_context
        return function.forward(*args, **kwargs) if new_style else function.forward(_Context(), *args)

    setattr(_SingleLevelFunction, "apply", classmethod(routed))  # noqa: B010
    try:
        yield
    finally:
        delattr(_SingleLevelFunction, "apply")


class _Context:
    """What an autograd.Function's `forward` may write to; nobody reads it."""

    needs_input_grad = (False,) * 16

    def save_for_backward(self, *tensors: Any) -> None:
        pass

    def mark_dirty(self, *tensors: Any) -> None:
        pass

    def mark_non_differentiable(self, *tensors: Any) -> None:
        pass

    def set_materialize_grads(self, value: bool) -> None:
        pass


def _holds_proxy(parts: Any) -> bool:
    found = False

    def look(part: Any) -> Any:
        nonlocal found
        found = found or isinstance(part, fx.Proxy)
        return part

    fx.node.map_aggregate(parts, look)
    return found


def _name(target: Any) -> str:
    return target if isinstance(target, str) else str(getattr(target, "__name__", target))


def _label(root: nn.Module, kind: str, target: Any) -> str:
    return type(root.get_submodule(target)).__name__ if kind == "call_module" else _name(target)


def _calls(module: nn.Module, graph: fx.Graph) -> Trace:
    made: dict[fx.Node, Call] = {}
    result: Any = None
    needed = _needed(graph)
    for node in graph.nodes:
        if node not in needed:
            continue  # of shapes alone, or for a gradient
        args, kwargs = (_replaced(part, made) for part in (node.args, node.kwargs))
        if node.op == "output":
            result = args[0]
            continue
        target = module.get_submodule(node.target) if node.op == "call_module" else node.target
        target = None if node.op == "placeholder" else target
        meta = node.meta
        made[node] = Call(meta["path"], meta["label"], target, tuple(args), dict(kwargs), meta["example"])
    if not isinstance(result, Call):
        refuse(
            "",
            type(module).__name__,
            "it does not return one tensor made of its image",
            "let forward return the logits alone",
        )
    return Trace(list(made.values()), result)


def _needed(graph: fx.Graph) -> set[fx.Node]:
    """The nodes that the output depends on."""
    waiting = [node for node in graph.nodes if node.op == "output"]
    needed = set(waiting)
    while waiting:
        for source in waiting.pop().all_input_nodes:
            if source not in needed:
                needed.add(source)
                waiting.append(source)
    return needed


def _replaced(parts: Any, made: dict[fx.Node, Call]) -> Any:
    def calls(part: Any) -> Any:
        return made[part] if isinstance(part, fx.Node) else part

    return fx.node.map_aggregate(parts, calls)


def _check_result(module: nn.Module, pixels: Tensor, trace: Trace) -> None:
    traced, real = trace.result.example, module(pixels.clone())
    # The same calls on the same numbers; a tolerance only because threads may add in another order.
    if not torch.allclose(traced, real, rtol=1e-3, atol=1e-3, equal_nan=True):
        refuse(
            "",
            type(module).__name__,
            "call by call it gives another result than when it runs: something changes a tensor in place, "
            "keeps a state, or is random",
            "write x = x + y for x += y and nn.ReLU() for nn.ReLU(inplace=True) where x is used again",
        )


def _first_line(failure: Exception) -> str:
    return str(failure).partition("\n")[0] or type(failure).__name__
