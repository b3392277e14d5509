"""What users would run instead of spanbit, each behind the same call.

    run = onnx_int8.load(steps, classes=10, threads=1)     # -> Callable[[], object], one image

`steps` are the convolutions in order, stem first; `classes` asks for a fully connected layer behind them.
Weights and image are random: int8 and float arithmetic take the same time whatever the numbers are. An
activation (ReLU) follows each convolution, fused into it where the peer can.
"""
