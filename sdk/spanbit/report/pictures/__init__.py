"""Pictures of a training, as SVG or PNG; the same figures give the same file.

    picture = draw_costs([("pruned", log.layer_costs)])
    data = picture_bytes(picture, "svg")

Needs matplotlib (`pip install 'spanbit[plots]'`), and no display.
"""

from spanbit.report.pictures.costs import draw_costs
from spanbit.report.pictures.figure import FORMATS, picture_bytes
from spanbit.report.pictures.front import Band, Point, Series, draw_front
from spanbit.report.pictures.trees import TreePicture, draw_trees

__all__ = [
    "FORMATS",
    "Band",
    "Point",
    "Series",
    "TreePicture",
    "draw_costs",
    "draw_front",
    "draw_trees",
    "picture_bytes",
]
