//! Numbers of Slurm's errors (`slurm_errno.h` of 24.11), by which programs know them.

use crate::controller::api::ErrorCode;

/// `ESLURM_REST_INVALID_QUERY`.
pub(super) const INVALID_QUERY: (i32, &str) = (9000, "Query empty or not RFC7320 compliant");
/// `ESLURM_REST_EMPTY_RESULT`.
pub(super) const EMPTY_RESULT: (i32, &str) = (9003, "Nothing found with query");
/// `ESLURM_DATA_CONV_FAILED`.
pub(super) const CONVERSION: (i32, &str) = (9202, "Unable to convert data type");
/// `SLURM_UNEXPECTED_MSG_ERROR`.
pub(super) const UNEXPECTED: (i32, &str) = (1000, "Unexpected message received");
/// `SLURMCTLD_COMMUNICATIONS_CONNECTION_ERROR`.
pub(super) const CONNECTION: i32 = 1800;
/// `SLURM_PROTOCOL_SOCKET_IMPL_TIMEOUT`.
pub(super) const TIMEOUT: i32 = 5004;
/// What Slurm says where nothing went wrong, or nobody knows what.
pub(super) const NO_ERROR: (i32, &str) = (0, "No error");
/// `SLURM_ERROR`: whatever has no number of its own.
const UNSPECIFIED: i32 = -1;

/// The number of an error.
pub(super) fn of(code: ErrorCode) -> i32 {
    match code {
        ErrorCode::InvalidPartition => 2000,
        ErrorCode::NoPartition => 2001,
        ErrorCode::AccessDenied => 2002,
        ErrorCode::TooManyCpus => 2005,
        ErrorCode::NodeCount => 2006,
        ErrorCode::NoScript => 2009,
        ErrorCode::NodeConfig => 2014,
        ErrorCode::PartitionNotAvailable => 2015,
        ErrorCode::NodesBusy | ErrorCode::StepsBusy => 2016,
        ErrorCode::InvalidJobId => 2017,
        ErrorCode::InvalidNodeName => 2018,
        ErrorCode::Journal => 2019,
        ErrorCode::AlreadyDone => 2021,
        ErrorCode::JobPending => 2024,
        ErrorCode::InvalidTaskCount => 2025,
        ErrorCode::InvalidFeature => 2029,
        ErrorCode::NotSupported | ErrorCode::NotRequeueable => 2036,
        ErrorCode::Disabled => 2037,
        ErrorCode::Dependency => 2038,
        ErrorCode::JobHeld => 2042,
        ErrorCode::InvalidTaskMemory => 2044,
        ErrorCode::InvalidAccount => 2045,
        ErrorCode::InvalidLicenses => 2048,
        ErrorCode::Policy => 2050,
        ErrorCode::InvalidTimeLimit => 2051,
        ErrorCode::InvalidReservation => 2053,
        ErrorCode::InvalidQos => 2066,
        ErrorCode::CpuCount => 2069,
        ErrorCode::CircularDependency => 2071,
        ErrorCode::InvalidGres => 2072,
        ErrorCode::NotPending => 2073,
        ErrorCode::InvalidArray => 2081,
        ErrorCode::JobFinished => 2084,
        ErrorCode::NotSuspended => 2087,
        ErrorCode::PartitionDown => 2101,
        ErrorCode::NotWholeHetJob => 2108,
        ErrorCode::InvalidTimeMin => 2124,
        ErrorCode::InvalidPrefer => 2133,
        ErrorCode::StepOptions
        | ErrorCode::Unspecified
        | ErrorCode::InvalidUpdate
        | ErrorCode::Revoked
        | ErrorCode::TooMany
        | ErrorCode::Configuration => UNSPECIFIED,
    }
}
