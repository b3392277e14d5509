"""The bundle: a compiled network as one file (docs/bundle-format.md).

    data = write_bundle(compiled, golden_images)        # uint8 [N, H, W, C]
    bundle = read_bundle(data, where="demo.spb")        # checks everything
    bundle.graph, bundle.golden

The writer is writer.py, the reader reader.py; records.py holds the byte layouts that both use.
"""

from spanbit.bundle.bundle import Bundle, GoldenRecord
from spanbit.bundle.reader import read_bundle
from spanbit.bundle.writer import write_bundle

__all__ = ["Bundle", "GoldenRecord", "read_bundle", "write_bundle"]
