//! Noise, without any socket: the handshake, and the sealing and opening of what follows it.
//!
//! The pattern is `NNpsk0` (The Noise Protocol Framework, revision 34, §9): both sides make keys for this link alone
//! and prove that they have the pre-shared key. What was said before, whom the initiator wants, goes into the
//! handshake as its prologue, so that nobody between the two can change it. Each message has its length before it,
//! two bytes, big endian (§13).

use std::sync::Arc;

use bytes::{Buf, BufMut, BytesMut};
use snow::{Builder, HandshakeState, StatelessTransportState};

use super::key::Key;

const PATTERN: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

/// Bytes of each of the two handshake messages: a public key and a tag.
const HANDSHAKE_BYTES: usize = 32 + TAG_BYTES;

/// Bytes of a length.
pub(super) const LENGTH_BYTES: usize = 2;

/// Bytes of a handshake message with its length.
pub(super) const HANDSHAKE_FRAME_BYTES: usize = LENGTH_BYTES + HANDSHAKE_BYTES;

/// Bytes that sealing adds to a message.
const TAG_BYTES: usize = 16;

/// Bytes of a sealed message (§3).
const MESSAGE_BYTES_MAX: usize = 65_535;

/// Bytes that one message can carry.
const PLAIN_BYTES_MAX: usize = MESSAGE_BYTES_MAX - TAG_BYTES;

/// The peer does not have the key, or what it sent was changed on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoiseError {
    /// The peer has another key, or none.
    #[error("the other side has another key")]
    Key,
    /// Not what the key holder sent.
    #[error("bytes that the other side did not send")]
    Forged,
    /// Nothing can be sealed any more.
    #[error("cannot seal")]
    Spent,
}

/// A handshake that has been begun.
pub(super) struct Handshake(Box<HandshakeState>);

/// What both sides agree on, given away once.
pub(super) type Agreed = (Sealer, Opener);

/// A handshake message with its length before it.
pub(super) type HandshakeFrame = [u8; HANDSHAKE_FRAME_BYTES];

/// Begins a handshake: what is to be sent.
pub(super) fn initiate(key: &Key, prologue: &[u8]) -> Result<(Handshake, HandshakeFrame), NoiseError> {
    let builder = builder(key, prologue)?;
    let mut state = builder.build_initiator().map_err(|_| NoiseError::Spent)?;
    let frame = write(&mut state)?;
    Ok((Handshake(Box::new(state)), frame))
}

impl Handshake {
    /// Ends it with the answer.
    pub(super) fn finish(mut self, answer: &HandshakeFrame) -> Result<Agreed, NoiseError> {
        read(&mut self.0, answer)?;
        agree(*self.0)
    }
}

/// Answers a handshake: what is to be sent. The initiator is not known to have the key before its first message is
/// opened: somebody may have recorded the beginning.
pub(super) fn respond(
    key: &Key,
    prologue: &[u8],
    first: &HandshakeFrame,
) -> Result<(HandshakeFrame, Agreed), NoiseError> {
    let mut state = builder(key, prologue)?.build_responder().map_err(|_| NoiseError::Spent)?;
    read(&mut state, first)?;
    let frame = write(&mut state)?;
    Ok((frame, agree(state)?))
}

fn builder<'a>(key: &'a Key, prologue: &'a [u8]) -> Result<Builder<'a>, NoiseError> {
    let pattern = PATTERN.parse().map_err(|_| NoiseError::Spent)?;
    let builder = Builder::new(pattern).psk(0, &key.0).and_then(|builder| builder.prologue(prologue));
    builder.map_err(|_| NoiseError::Spent)
}

fn write(state: &mut HandshakeState) -> Result<HandshakeFrame, NoiseError> {
    let mut frame = [0; HANDSHAKE_FRAME_BYTES];
    let (length, message) = frame.split_at_mut(LENGTH_BYTES);
    length.copy_from_slice(&(HANDSHAKE_BYTES as u16).to_be_bytes());
    match state.write_message(&[], message) {
        Ok(HANDSHAKE_BYTES) => Ok(frame),
        _ => Err(NoiseError::Spent),
    }
}

fn read(state: &mut HandshakeState, frame: &HandshakeFrame) -> Result<(), NoiseError> {
    let (length, message) = frame.split_at(LENGTH_BYTES);
    if length != (HANDSHAKE_BYTES as u16).to_be_bytes() {
        return Err(NoiseError::Key);
    }
    state.read_message(message, &mut []).map(drop).map_err(|_| NoiseError::Key)
}

fn agree(state: HandshakeState) -> Result<Agreed, NoiseError> {
    let state = Arc::new(state.into_stateless_transport_mode().map_err(|_| NoiseError::Spent)?);
    let sealer = Sealer { state: Arc::clone(&state), nonce: 0 };
    Ok((sealer, Opener { state, nonce: 0, sealed: BytesMut::new(), plain: BytesMut::new() }))
}

/// Seals what one side sends, in order.
pub(super) struct Sealer {
    state: Arc<StatelessTransportState>,
    nonce: u64,
}

impl Sealer {
    /// Puts bytes sealed behind `out`, as so many messages as it takes; an empty message for no bytes.
    pub(super) fn seal(&mut self, plain: &[u8], out: &mut BytesMut) -> Result<(), NoiseError> {
        let mut rest = plain;
        loop {
            let (piece, after) = rest.split_at(rest.len().min(PLAIN_BYTES_MAX));
            let sealed = piece.len() + TAG_BYTES;
            out.put_u16(sealed as u16);
            let from = out.len();
            out.resize(from + sealed, 0);
            match self.state.write_message(self.nonce, piece, &mut out[from..]) {
                Ok(written) if written == sealed => {}
                _ => return Err(NoiseError::Spent),
            }
            self.nonce += 1;
            rest = after;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }
}

/// Opens what the other side has sealed, in order.
pub(super) struct Opener {
    state: Arc<StatelessTransportState>,
    nonce: u64,
    /// As it came.
    sealed: BytesMut,
    /// Opened, not yet read.
    pub(super) plain: BytesMut,
}

impl Opener {
    /// Where bytes are put that have come: room for a whole message.
    pub(super) fn room(&mut self) -> &mut BytesMut {
        self.sealed.reserve(LENGTH_BYTES + MESSAGE_BYTES_MAX);
        &mut self.sealed
    }

    /// Whether the stream may end here: between two messages.
    pub(super) fn may_end(&self) -> bool {
        self.sealed.is_empty()
    }

    /// Opens the next message if all of it has come: whether it has.
    pub(super) fn open(&mut self) -> Result<bool, NoiseError> {
        let Some((length, rest)) = self.sealed.split_first_chunk::<LENGTH_BYTES>() else { return Ok(false) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length < TAG_BYTES {
            return Err(NoiseError::Forged);
        }
        let Some(message) = rest.get(..length) else { return Ok(false) };
        let from = self.plain.len();
        self.plain.resize(from + length - TAG_BYTES, 0);
        let opened = self.state.read_message(self.nonce, message, &mut self.plain[from..]);
        opened.map_err(|_| NoiseError::Forged)?;
        self.nonce += 1;
        self.sealed.advance(LENGTH_BYTES + length);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> Key {
        Key::new([byte; 32])
    }

    /// Initiator's and responder's sides.
    fn shake(own: &Key, other: &Key, said: &[u8], heard: &[u8]) -> Result<(Agreed, Agreed), NoiseError> {
        let (handshake, first) = initiate(own, said)?;
        let (answer, theirs) = respond(other, heard, &first)?;
        Ok((handshake.finish(&answer)?, theirs))
    }

    fn open_all(opener: &mut Opener, bytes: &[u8]) -> Result<Vec<u8>, NoiseError> {
        opener.room().extend_from_slice(bytes);
        while opener.open()? {}
        Ok(opener.plain.split().to_vec())
    }

    #[test]
    fn another_key_or_another_wish_is_refused() {
        assert!(shake(&key(1), &key(1), b"node", b"node").is_ok());
        assert_eq!(shake(&key(1), &key(2), b"node", b"node").err(), Some(NoiseError::Key));
        assert_eq!(shake(&key(1), &key(1), b"node", b"step").err(), Some(NoiseError::Key));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let (handshake, first) = initiate(&key(1), b"").unwrap();
        for at in 0..first.len() * 8 {
            let mut changed = first;
            changed[at / 8] ^= 1 << (at % 8);
            // The highest bit of a public key means nothing (RFC 7748 §5), but is part of what is proven.
            assert!(respond(&key(1), b"", &changed).is_err(), "bit {at}");
        }
        let (answer, (mut sealer, _)) = respond(&key(1), b"", &first).unwrap();
        let (_, opener) = handshake.finish(&answer).unwrap();
        let mut sealed = BytesMut::new();
        sealer.seal(b"hello", &mut sealed).unwrap();
        for at in LENGTH_BYTES * 8..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let mut fresh = Opener {
                state: Arc::clone(&opener.state),
                nonce: 0,
                sealed: BytesMut::new(),
                plain: BytesMut::new(),
            };
            assert_eq!(open_all(&mut fresh, &changed), Err(NoiseError::Forged), "bit {at}");
        }
    }

    #[test]
    fn what_was_recorded_is_of_no_use_later() {
        let (handshake, first) = initiate(&key(1), b"").unwrap();
        let (answer, (_, mut opener)) = respond(&key(1), b"", &first).unwrap();
        let (mut sealer, _) = handshake.finish(&answer).unwrap();
        let mut sealed = BytesMut::new();
        sealer.seal(b"cancel everything", &mut sealed).unwrap();
        assert_eq!(open_all(&mut opener, &sealed).unwrap(), b"cancel everything");
        // The same bytes again, on this link and on another.
        assert_eq!(open_all(&mut opener, &sealed), Err(NoiseError::Forged));
        let (_, (_, mut later)) = respond(&key(1), b"", &first).unwrap();
        assert_eq!(open_all(&mut later, &sealed), Err(NoiseError::Forged));
    }

    proptest! {
        #[test]
        fn bytes_come_back_however_they_are_cut(
            pieces in proptest::collection::vec(0_usize..150_000, 1..4),
            cut in 1_usize..70_000,
        ) {
            let ((mut sealer, _), (_, mut opener)) = shake(&key(7), &key(7), b"", b"").unwrap();
            let (mut sealed, mut all) = (BytesMut::new(), Vec::new());
            for (at, length) in pieces.into_iter().enumerate() {
                let piece = vec![at as u8; length];
                sealer.seal(&piece, &mut sealed).unwrap();
                all.extend(piece);
            }
            let mut back = Vec::new();
            for part in sealed.chunks(cut) {
                back.extend(open_all(&mut opener, part).unwrap());
            }
            prop_assert!(back == all && opener.may_end());
        }

        #[test]
        fn garbage_is_never_opened(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (_, (_, mut opener)) = shake(&key(7), &key(7), b"", b"").unwrap();
            prop_assert!(open_all(&mut opener, &bytes).is_ok_and(|plain| plain.is_empty()) || bytes.len() > 1);
        }
    }
}
