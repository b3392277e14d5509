"""What `spanbit profile` measures beside the runner's clock, how it is kept, compared and shown.

stats.py        one list of times as figures
conditions.py   whether the times count: temperature, frequency, throttling before, while and after it runs
power.py        watts, from the board or from a meter beside it
measure.py      all of it for one or several settings
record.py       profile.json: written, read, checked
folder.py       a run's folder: profile.json, environment.json, log.txt
compare.py      two of them: ratios with confidence intervals
tables.py       the same for a terminal
page.py         one HTML file, or Markdown, of one or two
"""
