//! Bytes that a request reads or fills while its caller goes on.
//!
//! A request either owns its bytes or has them lent. A lender promises, by an `unsafe` call, that the bytes stay where
//! they are, and are left alone, until the request is over; [`super::scope`] keeps that promise for everybody.
#![expect(unsafe_code, reason = "buffers of a caller, held longer than a borrow can say")]

use std::ptr::NonNull;

/// Bytes to be sent.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// The caller's.
    Lent(Lent),
    /// The request's own.
    Own(Vec<u8>),
}

/// Room to be filled.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The caller's.
    Lent(LentMut),
    /// The request's own.
    Own(Vec<u8>),
}

/// Bytes of somebody else, to be read.
#[derive(Debug)]
pub(crate) struct Lent {
    start: NonNull<u8>,
    length: usize,
}

/// Bytes of somebody else, to be written.
#[derive(Debug)]
pub(crate) struct LentMut {
    start: NonNull<u8>,
    length: usize,
}

impl Outgoing {
    /// Lends bytes.
    ///
    /// # Safety
    /// Until the request that gets them is over or dropped, they stay where they are and nobody writes to them.
    pub(crate) unsafe fn lend(bytes: &[u8]) -> Self {
        Self::Lent(Lent { start: NonNull::from(bytes).cast(), length: bytes.len() })
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            // SAFETY: the lender has promised so (`lend`).
            Self::Lent(lent) => unsafe { std::slice::from_raw_parts(lent.start.as_ptr(), lent.length) },
            Self::Own(bytes) => bytes,
        }
    }
}

impl Incoming {
    /// Lends room. The lender may take it back by the same pointer.
    ///
    /// # Safety
    /// It is the lender's. Until the request that gets it is over or dropped, it stays where it is and nobody else touches it.
    pub(crate) unsafe fn lend(bytes: NonNull<[u8]>) -> Self {
        Self::Lent(LentMut { length: bytes.len(), start: bytes.cast() })
    }

    /// The room.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        match self {
            // SAFETY: the lender has promised so (`lend`).
            Self::Lent(lent) => unsafe { std::slice::from_raw_parts_mut(lent.start.as_ptr(), lent.length) },
            Self::Own(bytes) => bytes,
        }
    }

    /// How many bytes there is room for.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Lent(lent) => lent.length,
            Self::Own(bytes) => bytes.len(),
        }
    }
}
