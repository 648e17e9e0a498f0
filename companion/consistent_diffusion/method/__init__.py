"""Energy models: forward process, objective, penalty, experts, networks, simulation."""
