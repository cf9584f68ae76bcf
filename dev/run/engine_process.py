"""The process of the emulator. It saves its data and ends when the process that started it is gone.

Runs on the interpreter of the engine's environment, without the rest of this repository.
"""

from __future__ import annotations

import os
import signal
import threading

from ministack.app import main


def end_with_parent() -> None:
    """Wait until the pipe from the parent closes, which happens however the parent dies."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    main()
