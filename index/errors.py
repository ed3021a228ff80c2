"""Everything that can go wrong and that a user can act on.

DossierError
 ├── SettingsError            a setting is unknown, malformed or contradicts another
 ├── InputError               the caller's question, filter, path or draft cannot be used
 │    └── NotFoundError       the article or folder named does not exist
 ├── UnreadableError          one file could not be read (the run goes on without it)
 ├── IndexError_
 │    ├── EmptyIndexError     nothing is indexed yet
 │    ├── EmbedderMismatchError   the index was made with another embedder
 │    ├── LockedError         another run holds the index          (retryable)
 │    └── StorageError        the data directory cannot be read or written
 ├── EmbeddingError           the embedder failed                  (retryable when a server)
 ├── VectorStoreError         Chroma failed                        (retryable when a server)
 └── ModelError               the language model is down, slow or answers rubbish (retryable)

A library's own error is translated once, where it is called (`raise ... from error`), never further up.
`message` says what happened, `hint` what to do next; both are one plain sentence without secrets.
"""

from __future__ import annotations


class DossierError(Exception):
    """Base of all errors shown to users.

    code: stable machine-readable name, used in the endpoint's `error.code`.
    http_status: what the endpoint answers with.
    retryable: whether the same call may succeed later without any change.
    """

    code = "error"
    http_status = 500
    retryable = False

    def __init__(self, message: str, hint: str = "", *, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class SettingsError(DossierError):
    code = "settings"


class InputError(DossierError):
    code = "bad_input"
    http_status = 422


class NotFoundError(InputError):
    code = "not_found"
    http_status = 404


class UnreadableError(DossierError):
    code = "unreadable"
    http_status = 422


class IndexError_(DossierError):
    code = "index"
    http_status = 503


class EmptyIndexError(IndexError_):
    code = "empty_index"


class EmbedderMismatchError(IndexError_):
    code = "embedder_mismatch"


class LockedError(IndexError_):
    code = "locked"
    retryable = True


class StorageError(IndexError_):
    code = "storage"
    http_status = 507


class EmbeddingError(DossierError):
    code = "embedding"
    http_status = 502


class VectorStoreError(DossierError):
    code = "vector_store"
    http_status = 502


class ModelError(DossierError):
    code = "model"
    http_status = 502
    retryable = True
