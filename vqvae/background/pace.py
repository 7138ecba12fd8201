"""How often somebody does something: so many times within a minute, and no more."""

import threading
import time
from collections import deque

MINUTE = 60.0  # seconds


class Pace:
    """The times at which each visitor did something, for as long as they count."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def allows(self, visitor: str, most: int) -> bool:
        """Whether this visitor may do it once more, which then counts."""
        with self._lock:
            now = time.monotonic()
            for name in [name for name, times in self._times.items() if now - times[-1] >= MINUTE]:
                del self._times[name]
            times = self._times.get(visitor, deque())
            while times and now - times[0] >= MINUTE:
                times.popleft()
            if len(times) >= most:
                return False
            times.append(now)
            self._times[visitor] = times
            return True
