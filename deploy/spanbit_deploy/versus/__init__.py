"""Another framework on the same board, timed the same way: what the network is compared with."""
