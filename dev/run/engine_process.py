"""The emulator's process. It ends, and keeps its data, when whoever started it is gone.

Executed by the engine's own interpreter, which has nothing else of this repository.
"""

from __future__ import annotations

import os
import signal
import threading

from ministack.app import main


def end_with_parent() -> None:
    """Wait until the pipe to the parent closes, which happens however the parent dies."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    main()
