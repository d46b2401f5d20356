"""CPUs: how many the machines of a cluster have, and how many of them a worker gets."""

#: CPUs of a worker at most: more of them make a call little faster.
MAX_WORKER_CPUS = 4


def choose_worker_cpus(cpus: int) -> int:
    """Return the CPUs for each worker on machines with `cpus` CPUs.

    Not few, since each worker has a copy of the model in memory.
    """
    return max(1, min(cpus, MAX_WORKER_CPUS))


def list_cpus() -> list[int]:
    """Return the number of CPUs of each machine of the connected cluster, if any."""
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    counts = [int(node["Resources"].get("CPU", 0)) for node in nodes]
    return [count for count in counts if count]
