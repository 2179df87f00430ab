"""What an exception that nobody foresaw may say: its kind and its place, never the values in it."""

from __future__ import annotations

from connector.model.errors import ConnectorError

DEEPEST = 4  # frames that a short answer names


def frames(error: BaseException, most: int = DEEPEST) -> list[str]:
    """The deepest ``most`` places of the traceback, as ``file.py:line function``."""
    found: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found[-most:]


def sentence(error: BaseException) -> str:
    """For the operator: what an error of ours says; of any other its kind and place.

    The text of any other could hold an order's data, and is nobody's to read.
    """
    if isinstance(error, ConnectorError):
        return str(error)
    at = frames(error)
    return f"internal fault ({type(error).__name__} at {at[-1] if at else '?'}); please report it"
