"""What a Raspberry Pi says of its own throttling: the bits of `vcgencmd get_throttled`.

bits = throttled_bits("throttled=0x50005")
now_words(bits)                # ["under-voltage", "throttled"]
since_boot_words(bits)         # ["under-voltage", "throttling"]

The bits are Raspberry Pi's documentation's: the first four hold now, the same from bit 16 on have held since
it was started.
"""

from __future__ import annotations

SINCE_BOOT = 16
"""Bits that lie so far up are what has been since boot."""

_WORDS = {
    0: ("under-voltage", "under-voltage"),
    1: ("frequency capped", "frequency capping"),
    2: ("throttled", "throttling"),
    3: ("soft temperature limit", "soft temperature limit"),
}


def throttled_bits(text: str) -> int | None:
    """The number behind the `=`, if there is one; None where it is none."""
    try:
        return int(text.partition("=")[2], 16) & 0xFFFFFFFF
    except ValueError:
        return None


def now_words(bits: int) -> list[str]:
    """What holds now."""
    return [now for bit, (now, _) in _WORDS.items() if bits >> bit & 1]


def since_boot_words(bits: int) -> list[str]:
    """What has occurred since it was started."""
    return [since for bit, (_, since) in _WORDS.items() if bits >> bit + SINCE_BOOT & 1]
