"""The oracle: what a graph means, in plain numpy. Slow and obvious; every kernel must equal it.

outputs = run_graph(graph, image)       # one array an operator; image uint8 [H, W, C]
labels = classify(graph, images)        # int64 [N]; images uint8 [N, H, W, C]
"""

from spanbit.reference.operators import head_sums, real_head_sums
from spanbit.reference.run import classify, delivered, run_graph

__all__ = ["classify", "delivered", "head_sums", "real_head_sums", "run_graph"]
