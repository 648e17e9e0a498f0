"""The law, its fits, and the protocol: what trains it, what tests it, how errors are counted."""
