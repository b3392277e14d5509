"""A bundle as source files for firmware: no heap, no operating system, no C library but four functions.

    net = c_network(read_bundle(data), "digits", Tables.FLASH)
    net.files                   # {"include/digits.h": b"...", ...}
    files = FORMATS["cmake"].files(net)

Each packaging is a module of `formats`; what it takes on a board is `figures`, and whether it fits `fit`.
"""

from spanbit.export.network import CNetwork, c_network
from spanbit.export.plan import FirmwarePlan, Input, Tables, plan_firmware

__all__ = ["CNetwork", "FirmwarePlan", "Input", "Tables", "c_network", "plan_firmware"]
