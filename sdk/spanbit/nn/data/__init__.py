"""Image data sets as uint8 arrays, read from the user's disk; nothing is downloaded.

    data = load("digits")                                  # 8x8, comes with scikit-learn
    data = load("fashion-mnist")                           # 28x28, Debian's dataset-fashion-mnist
    data = load("cifar10", folder="downloads/cifar-10-batches-py")
    data = load("image-folder", folder="birds", image_size=32)

One file a format; `registry` knows which data set is in which.
"""

from spanbit.nn.data.dataset import DataSet
from spanbit.nn.data.idx import read_idx
from spanbit.nn.data.registry import DATASETS, data_root, default_folder, load

__all__ = ["DATASETS", "DataSet", "data_root", "default_folder", "load", "read_idx"]
