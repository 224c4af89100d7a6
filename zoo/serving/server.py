"""MLServer as `zoo serve` runs it: a fixed set of models, one kind of error, a stop that waits."""

import asyncio
import json
import signal
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fastapi.exceptions import RequestValidationError
from mlserver import MLServer, ModelSettings, Settings
from mlserver.errors import MLServerError
from mlserver.handlers import ModelRepositoryHandlers
from mlserver.rest.responses import Response
from mlserver.utils import install_uvloop_event_loop


class FixedModels(ModelRepositoryHandlers):
    """Lists the models, and lets no client load or unload one."""

    async def load(self, name: str) -> bool:
        raise MLServerError("models are loaded when the server starts, and stay", 403)

    async def unload(self, name: str) -> bool:
        raise MLServerError("models are loaded when the server starts, and stay", 403)


class Server(MLServer):
    """MLServer, but for four things that it has no setting for.

    The names with an underscore are MLServer's own, hence the narrow range of its versions in
    pyproject.toml.
    """

    failed = False

    def _add_signal_handlers(self) -> None:
        """`run` has them: uvicorn's would take the place of any that are set here."""

    def _create_servers(self) -> None:
        self._model_repository_handlers = FixedModels(
            repository=self._model_repository, model_registry=self._model_registry
        )
        super()._create_servers()
        app = self._rest_server._app
        # No model here answers in parts. In a stream, an error comes after status 200.
        app.router.routes[:] = [r for r in app.routes if not r.path.endswith("_stream")]
        app.add_exception_handler(RequestValidationError, _refuse)

    async def stop(self, sig: int | None = None) -> None:
        # MLServer stops without a signal where a model could not be loaded.
        self.failed = sig is None
        await super().stop(sig)


async def _refuse(request: Any, error: Exception) -> Response:
    """Says what is wrong with a body. FastAPI's own answer repeats it, and fails on bad UTF-8."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return Response({"error": f"{where}: {first['msg']}"}, status_code=422)


def run(folder: Path, names: Iterable[str]) -> None:
    """Serves models that `zoo.serving.write_models` wrote, until SIGTERM or SIGINT.

    Raises:
        RuntimeError: if a model cannot be loaded.
    """
    install_uvloop_event_loop()
    server = Server(Settings(**json.loads((folder / "settings.json").read_text())))
    models = [
        ModelSettings.model_validate(
            json.loads((folder / name / "model-settings.json").read_text())
        )
        for name in names
    ]
    loop = asyncio.new_event_loop()

    def stop(sig: int, frame: Any) -> None:
        asyncio.run_coroutine_threadsafe(server.stop(sig), loop)

    for sig in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sig, stop)
    # Not in the main thread, where uvicorn takes the signals of each of its servers by itself.
    with ThreadPoolExecutor(1, thread_name_prefix="server") as thread:
        thread.submit(loop.run_until_complete, server.start(models)).result()
    if server.failed:
        raise RuntimeError("a model could not be loaded: see above")
