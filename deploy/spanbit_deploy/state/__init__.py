"""What a board is and in what state: read there by a few lines of POSIX shell, changing nothing.

readings.py     temperatures, frequencies, governors, watts, throttling, load: once, or while something runs
throttling.py   the bits of a Raspberry Pi's `vcgencmd get_throttled`
facts.py        what it is: model, userland, cores, memory, counters, ... (`spanbit doctor --on`)
verdicts.py     which targets' runners run there, and what to change
view.py         both on one screen
"""
