"""``python -m connector``, and the console script.

Ctrl-C is answered from the first moment on: the rest of the program takes a while to load, and until it has
loaded nothing can turn the interrupt into a sentence.
"""

from __future__ import annotations

import signal

from connector.runtime import interrupts

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else whoever started us ignores it
    signal.signal(signal.SIGINT, interrupts.end)


def main() -> None:
    """The program, from the command line."""
    from connector.cli.main import main as command_line

    if signal.getsignal(signal.SIGINT) is not interrupts.end:
        command_line()
        return
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # from here on it can be caught
        command_line()
    except KeyboardInterrupt:
        interrupts.end(signal.SIGINT, None)
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, interrupts.end)  # while the interpreter ends nobody catches it


if __name__ == "__main__":
    main()
