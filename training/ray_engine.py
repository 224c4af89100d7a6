"""Ray Train goes through the epochs of a training with many processes, on one machine or more."""

import socket
from collections.abc import Callable
from typing import Any

from training.driver import Training, fit
from training.state import LossError
from training.workers import Worker, WorkersDifferError
from zoo import ray_cluster

# Of workers that died, before the training is given up. It goes on from its last state each time.
RESTARTS = 10


# What a worker does; it returns an error that no other start would help.
Work = Callable[[dict[str, Any]], Exception | None]


def run(training: Training, *, workers: int, work: Work | None = None) -> None:
    """Goes through a training's epochs; its state and logs are left in its output folder.

    All machines need that folder at the same path, the data, and the same version of the project.
    A cluster is joined if there is one (`RAY_ADDRESS`), else Ray is started on this machine.

    Args:
        training: what is trained.
        workers: how many processes; they are JAX's, each of one CPU, and of one GPU where there are
            as many.
        work: what each of them does.

    Raises:
        ValueError: if the recipe's batch cannot be shared out, the state is of another training, or
            workers differ in code, library versions or data.
        FloatingPointError: if the loss or a weight is no longer a finite number.
        RuntimeError: if workers die more often than `RESTARTS`.
        KeyboardInterrupt: if the user stops it.
    """
    Worker(count=workers).check_divides(training.recipe.batch_size)
    training.state().check()
    ray_cluster.join(workers)
    import ray
    from ray.train.v2.api.config import FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2.api.exceptions import TrainingFailedError
    from ray.train.v2.jax import JaxTrainer

    trainer = JaxTrainer(
        work or go_on,
        train_loop_config={"training": training},
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=ray.cluster_resources().get("GPU", 0) >= workers,
            resources_per_worker={"CPU": 1},
        ),
        run_config=RunConfig(
            name="ray",
            storage_path=str(training.output.absolute()),
            failure_config=FailureConfig(max_failures=RESTARTS),
            worker_runtime_env={"env_vars": {"KERAS_BACKEND": "jax"}},
        ),
    )
    try:
        result: Any = trainer.fit()
    except TrainingFailedError as error:
        raise RuntimeError(f"workers failed {RESTARTS + 1} times: {error}") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(training.state().kept) from None
    if result.return_value is not None:
        raise result.return_value


def go_on(config: dict[str, Any]) -> Exception | None:
    """Goes on with a training as one of its workers, until its last epoch.

    Returns an error of which all of them have one: no worker that is started again would get
    further. Others are raised, and Ray starts the workers again.
    """
    import jax
    import keras
    import ray.train
    from ray.train.collective import broadcast_from_rank_zero

    context = ray.train.get_context()
    worker = Worker(context.get_world_rank(), context.get_world_size())
    if worker.count > 1 and not jax.distributed.is_initialized():
        # Ray's own trainer does so with GPUs alone.
        address = broadcast_from_rank_zero(_free_address())
        keras.distribution.initialize(address, worker.count, worker.rank)
    try:
        fit(config["training"], worker)
    except (WorkersDifferError, LossError) as error:
        return error
    return None


def _free_address() -> str:
    """Returns this machine's address and a port that nothing listens at."""
    import ray.util

    with socket.socket() as probe:
        probe.bind(("", 0))
        return f"{ray.util.get_node_ip_address()}:{probe.getsockname()[1]}"
