"""Names of PyTorch's functions and methods, sorted by what an importer does with them."""

from __future__ import annotations

SPELLINGS = {
    "iadd": "add",
    "isub": "sub",
    "subtract": "sub",
    "imul": "mul",
    "multiply": "mul",
    "itruediv": "div",
    "truediv": "div",
    "true_divide": "div",
    "divide": "div",
    "clip": "clamp",
    "concat": "cat",
    "concatenate": "cat",
    "_max_pool2d": "max_pool2d",
}
"""Other names of the same function."""

CHANGES_NOTHING = frozenset(
    ("detach", "contiguous", "clone", "dropout", "dropout2d", "alpha_dropout", "requires_grad")
)
CASTS = frozenset(("to", "float", "type", "type_as", "double"))
RESHAPES = frozenset(("view", "reshape", "flatten", "view_as", "reshape_as", "squeeze", "unsqueeze", "ravel"))
LAYERS = frozenset(("conv2d", "linear", "batch_norm"))
ENDS = frozenset(("softmax", "log_softmax"))
ELEMENTWISE = frozenset(
    (
        *("abs", "add", "sub", "rsub", "mul", "div", "neg", "pow", "square", "sqrt", "exp", "expm1", "log1p"),
        *(
            "clamp",
            "clamp_min",
            "clamp_max",
            "hardtanh",
            "relu",
            "relu6",
            "leaky_relu",
            "prelu",
            "elu",
            "gelu",
        ),
        *("tanh", "sigmoid", "softsign", "sign", "sgn", "heaviside", "round", "floor", "ceil"),
        *("ge", "gt", "le", "lt", "eq", "ne", "greater", "greater_equal", "less", "less_equal"),
        *("where", "masked_fill", "logical_and", "logical_not"),
        *("bool", "int", "long", "double", "float", "to", "type", "type_as"),
    )
)


def name_of(label: str) -> str:
    """The one name of a function: `add` for `add_`, `iadd` and `+`."""
    name = label.rstrip("_")
    return SPELLINGS.get(name, name)
