"""What the layers above share: who asks, what an answer is, and the promises of every I/O protocol."""

from modgate.model.answer import Answer, Facts, RunOverBody, Verification
from modgate.model.blob import Blob, BlobMeta, BlobStore, BlobWriter, NoRoom, StoredObject, StoreUsage
from modgate.model.checksums import ChecksumDatabase, ChecksumMirror, MirrorAnswer, Sums
from modgate.model.context import Context
from modgate.model.ledger import Alert, Lease, Ledger, Pin, TreeHead, VerificationRecord
from modgate.model.source import ModuleSource
from modgate.model.upstream import Upstream, UpstreamStream

__all__ = [
    "Alert",
    "Answer",
    "Blob",
    "BlobMeta",
    "BlobStore",
    "BlobWriter",
    "ChecksumDatabase",
    "ChecksumMirror",
    "Context",
    "Facts",
    "Lease",
    "Ledger",
    "MirrorAnswer",
    "ModuleSource",
    "NoRoom",
    "Pin",
    "RunOverBody",
    "StoreUsage",
    "StoredObject",
    "Sums",
    "TreeHead",
    "Upstream",
    "UpstreamStream",
    "Verification",
    "VerificationRecord",
]
