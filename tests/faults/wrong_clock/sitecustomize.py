"""Python runs this at its start where it is on the path: the process gets a clock that is WRONG_CLOCK seconds ahead."""

import os
import time

import time_machine

time_machine.travel(time.time() + float(os.environ["WRONG_CLOCK"]), tick=True).start()
