"""The errors of unspool, all under one root.

    UnspoolError
    ├── ConfigurationError      the caller can mend it before any model is called
    │   ├── UnknownModel        no such provider, model or adapter
    │   └── MissingExtra        an optional package is not installed
    ├── ContextError            the context cannot be used: no such file, binary, empty
    │   └── ContextDiffers      it is not the one that was recorded
    ├── SandboxError            the REPL cannot be started or has died for good
    ├── JournalError            the journal cannot be read or written
    │   └── ReplayDiffers       cells that were run again came to something else
    ├── ModelFileError          an embedded model's file cannot be had
    └── ModelError              a model's server did not answer
        ├── ModelUnavailable    it may heal: overload, time-out, a cut connection
        └── ModelRefused        it will not heal: a wrong key, a bad request
            ├── ContextTooLong  the request is longer than the model's window
            └── ModelDeclined   the model or a filter will not answer it

Messages say what was given, what was expected and what to do. They never hold a key
nor the text of a context.
"""


class UnspoolError(Exception):
    """Whatever unspool raises on purpose is one of these.

    `run_id` names the run that was under way, or is None when none was.
    """

    run_id: str | None = None


class ConfigurationError(UnspoolError):
    """The arguments do not fit together; nothing was sent to a model."""


class UnknownModel(ConfigurationError):
    """No provider, model or adapter has the name that was given."""


class MissingExtra(ConfigurationError):
    """An optional package is needed; the message has the command that installs it."""


class ContextError(UnspoolError):
    """The context cannot be read; nothing was sent to a model."""


class ContextDiffers(ContextError):
    """The context of a recorded run is another one now."""


class SandboxError(UnspoolError):
    """The REPL's process cannot be started, or ended in a way that cannot be mended."""


class JournalError(UnspoolError):
    """The journal cannot be read or written; the message says which file, and what to do."""


class ReplayDiffers(JournalError):
    """A cell that was run again came to something else than was recorded."""


class ModelFileError(UnspoolError):
    """The file of an embedded model is missing, damaged or cannot be fetched."""


class ModelError(UnspoolError):
    """A model's server did not give an answer.

    `status` is the HTTP status, or None when there was no response at all. `lost_calls` is
    how many requests were sent that a server may bill though they came to nothing.
    """

    def __init__(self, message: str, *, status: int | None = None, lost_calls: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.lost_calls = lost_calls


class ModelUnavailable(ModelError):
    """The server is overloaded, slow or out of reach: the same request may succeed later.

    `retry_after_s` is what the server asked for, in seconds, or None when it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        lost_calls: int = 0,
    ) -> None:
        super().__init__(message, status=status, lost_calls=lost_calls)
        self.retry_after_s = retry_after_s


class ModelRefused(ModelError):
    """The server will never accept this request: a wrong key, model or parameter."""


class ContextTooLong(ModelRefused):
    """The request does not fit in the model's window."""


class ModelDeclined(ModelRefused):
    """The model, or a filter of its server, will not answer this request; it may answer others."""
