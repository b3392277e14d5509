"""`spanbit tune`: times both kernels at a place and makes the compiler's cost figures of it.

    timings = measure(board, target, rounds=30, timeout=120, watcher=Watcher())
    figures = tune_figures(timings, on="host", target=target, emulated=False, rounds=30)
    text = target_file(figures, extends="host")

network.py is what is timed, measure.py how, fit.py makes cost figures of times, figures.py compares them with
the old ones, target_file.py and view.py write. docs/tuning.md is the page for users.
"""
