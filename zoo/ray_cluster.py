"""Ray's cluster: what trains and what scores with many processes joins it."""

import logging
import os


def join(workers: int) -> None:
    """Joins the cluster that `RAY_ADDRESS` names, or starts one on this machine.

    There its CPUs count as many as the workers need. What Ray itself tells is left out, but errors;
    what the caller's process logs is left as it is.

    Raises:
        ImportError: if Ray is not installed.
        ConnectionError: if there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise ImportError('workers need Ray: pip install "gatezoo[ray]"') from error

    if ray.is_initialized():
        return
    local = "RAY_ADDRESS" not in os.environ
    # As an argument of `init` it would silence the root logger of this process too.
    job = ray.job_config.JobConfig()
    job.set_py_logging_config(ray.LoggingConfig(log_level="ERROR"))
    ray.init(
        num_cpus=max(workers, os.cpu_count() or 1) if local else None,
        include_dashboard=False if local else None,
        # Without a dashboard Ray warns every second that it has none.
        logging_level=logging.ERROR,
        job_config=job,
    )
