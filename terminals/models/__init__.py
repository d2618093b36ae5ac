"""The tables of terminals, by what they are about."""

from terminals.models.history import DeploymentVersion, LuRegistrationVersion, ZoneOwnershipVersion
from terminals.models.ledger import LedgerError, LedgerFile, LedgerLine
from terminals.models.lifecycle import Handover, LifeEvent, LuDeletion
from terminals.models.reconciliation import Discrepancy, DiscrepancyStep, Found, Inspected, Run, RunChange
from terminals.models.registry import (
    Building,
    Deployment,
    EnrolledDevice,
    EnrolmentCode,
    LuRegistration,
    Notice,
    Place,
    SavedView,
    Terminal,
    TerminalCertificate,
    TerminalLastSeen,
    ZoneOwnership,
)
from terminals.models.rooms import (
    PresenceFinding,
    RoomAdmission,
    RoomEntry,
    RoomEntryFile,
    Sighting,
    StockTake,
)

__all__ = [
    "Building",
    "Deployment",
    "DeploymentVersion",
    "Discrepancy",
    "DiscrepancyStep",
    "EnrolledDevice",
    "EnrolmentCode",
    "Found",
    "Handover",
    "Inspected",
    "LedgerError",
    "LedgerFile",
    "LedgerLine",
    "LifeEvent",
    "LuDeletion",
    "LuRegistration",
    "LuRegistrationVersion",
    "Notice",
    "Place",
    "PresenceFinding",
    "RoomAdmission",
    "RoomEntry",
    "RoomEntryFile",
    "Run",
    "RunChange",
    "SavedView",
    "Sighting",
    "StockTake",
    "Terminal",
    "TerminalCertificate",
    "TerminalLastSeen",
    "ZoneOwnership",
    "ZoneOwnershipVersion",
]
