"""A user's own code: the context in which it runs, and its errors in one line."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import NoReturn, Protocol

from .errors import StvtError

CHANGES_FOLDER = (
    "it changes the working folder; take whole paths instead, as from Path(__file__).parent"
)
# It has the process's modules, folder and default type to itself: methods and metrics run in threads.
_ALONE = threading.RLock()


class CustomCodeError(StvtError):
    """Something that a user's own code must not do."""


class Modules(Protocol):
    """What `custom_modules.CustomModules` is to this module."""

    def active(self) -> AbstractContextManager[None]: ...


@contextmanager
def guarded(
    name: str,
    modules: Modules | None = None,
    *,
    error: type[StvtError],
    passes: type[StvtError],
    ours: str,
) -> Iterator[None]:
    """The context in which a user's code runs: whatever it ends with is one line, an exit too.

    error:  what is raised. passes: what goes through as it is.
    ours:   the file that calls the code, which is no place where an error arose.
    """
    import torch

    with _ALONE:
        folder, dtype, leave = os.getcwd(), torch.get_default_dtype(), os._exit
        here = os.getpid(), threading.get_ident()

        def leave_as_exit(status: int) -> NoReturn:
            if here != (os.getpid(), threading.get_ident()):
                leave(status)  # a child, or a thread of ours
            raise SystemExit(status)

        os._exit = leave_as_exit
        try:
            with modules.active() if modules else nullcontext():
                yield
            if os.getcwd() != folder:
                raise CustomCodeError(CHANGES_FOLDER)
        except (passes, MemoryError, torch.OutOfMemoryError, KeyboardInterrupt, GeneratorExit):
            raise
        except CustomCodeError as wrong:
            raise error(f"{name}: {wrong}") from wrong
        except SystemExit as end:
            raise error(
                f"{name}: it ends the process ({one_line(end, ours)}); what a program does belongs "
                'below if __name__ == "__main__"'
            ) from end
        except BaseException as wrong:
            raise error(f"{name}: {one_line(wrong, ours)}") from wrong
        finally:
            os._exit = leave
            os.chdir(folder)
            torch.set_default_dtype(dtype)


def one_line(error: BaseException, ours: str) -> str:
    """An exception in one line: its kind, what it says, and where it arose.

    The place is the last one outside Python's own and installed packages, which is the user's.
    """
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}:{error.lineno})"
    beside = str(Path(__file__).with_name("custom_modules.py"))
    places = [
        place
        for place in traceback.extract_tb(error.__traceback__)
        if place.filename not in (ours, __file__, beside) and not place.filename.startswith("<")
    ]
    theirs = [
        place
        for place in places
        if "site-packages" not in Path(place.filename).parts
        and not Path(place.filename).is_relative_to(Path(os.__file__).parent)
    ]
    message = " ".join(str(error).split())
    where = "".join(f" ({place.filename}:{place.lineno})" for place in (theirs or places)[-1:])
    return f"{type(error).__name__}: {message}{where}"
