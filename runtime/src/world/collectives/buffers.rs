//! The buffers that a schedule names, as bytes, and how parts of them are borrowed side by side.

use crate::collective::{Buffer, Local, Round, Side, Span};

/// Folds bytes of elements: the second operand, which stands on this side, into the first.
pub(super) type FoldBytes<'a> = &'a mut dyn FnMut(&mut [u8], &[u8], Side);

/// Where a rank's input is.
#[derive(Debug)]
pub(super) enum Input<'a> {
    /// In a buffer of its own.
    Apart(&'a [u8]),
    /// In the output, from this element on (`MPI_IN_PLACE`).
    InOutput(usize),
}

/// The buffers of one call on one rank.
#[derive(Debug)]
pub(super) struct Buffers<'a> {
    /// Bytes of an element.
    pub(super) element: usize,
    pub(super) input: Input<'a>,
    pub(super) output: &'a mut [u8],
    pub(super) scratch: &'a mut [u8],
}

/// What a round sends, and the room for what it receives, in the order of its transfers.
#[derive(Debug)]
pub(super) struct Borrowed<'a> {
    pub(super) sends: Vec<&'a [u8]>,
    pub(super) rooms: Vec<&'a mut [u8]>,
}

impl Buffers<'_> {
    /// In which buffer a span really is, and its bytes there.
    fn place(&self, span: Span) -> (Buffer, std::ops::Range<usize>) {
        let (buffer, start) = match (span.buffer, &self.input) {
            (Buffer::Input, Input::InOutput(at)) => (Buffer::Output, span.start + at),
            (buffer, _) => (buffer, span.start),
        };
        (buffer, start * self.element..(start + span.len) * self.element)
    }

    /// The bytes of a span.
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        let (buffer, range) = self.place(span);
        match (buffer, &self.input) {
            (Buffer::Input, Input::Apart(input)) => &input[range],
            (Buffer::Scratch, _) => &self.scratch[range],
            _ => &self.output[range],
        }
    }

    /// The room of a span.
    pub(super) fn room(&mut self, span: Span) -> &mut [u8] {
        let (buffer, range) = self.place(span);
        match buffer {
            Buffer::Scratch => &mut self.scratch[range],
            _ => &mut self.output[range],
        }
    }

    /// Borrows all that a round sends and receives.
    pub(super) fn borrow(&mut self, round: &Round) -> Borrowed<'_> {
        let mut sends: Vec<&[u8]> = vec![&[]; round.sends.len()];
        let mut rooms: Vec<&mut [u8]> = round.receives.iter().map(|_| &mut [][..]).collect();
        // By place: which bytes of which buffer are borrowed by whom.
        let mut wanted: Vec<(Buffer, std::ops::Range<usize>, Who)> = Vec::new();
        for (at, send) in round.sends.iter().enumerate().filter(|(_, send)| send.span.len > 0) {
            let (buffer, range) = self.place(send.span);
            match &self.input {
                Input::Apart(input) if buffer == Buffer::Input => sends[at] = &input[range],
                _ => wanted.push((buffer, range, Who::Send(at))),
            }
        }
        for (at, receive) in round.receives.iter().enumerate().filter(|(_, receive)| receive.span.len > 0) {
            let (buffer, range) = self.place(receive.span);
            wanted.push((buffer, range, Who::Receive(at)));
        }
        wanted.sort_unstable_by_key(|(buffer, range, _)| (*buffer, range.start));
        let mut output = Rest { bytes: self.output, from: 0 };
        let mut scratch = Rest { bytes: self.scratch, from: 0 };
        for (buffer, range, who) in wanted {
            let rest = if buffer == Buffer::Scratch { &mut scratch } else { &mut output };
            let part = rest.take(range);
            match who {
                Who::Send(at) => sends[at] = part,
                Who::Receive(at) => rooms[at] = part,
            }
        }
        Borrowed { sends, rooms }
    }

    /// Does local work; `fold` folds the second operand, which stands on this side, into the first.
    pub(super) fn work(&mut self, local: &Local, fold: FoldBytes<'_>) {
        let (to, from) = match *local {
            Local::Copy { from, to } => (to, from),
            Local::Fold { into, other, .. } => (into, other),
        };
        let ((to_buffer, to_range), (from_buffer, from_range)) = (self.place(to), self.place(from));
        if to_buffer == from_buffer && to_range == from_range {
            // In place, it is there already.
            return;
        }
        let (into, other): (&mut [u8], &[u8]) = match (to_buffer, from_buffer, &self.input) {
            (Buffer::Scratch, Buffer::Scratch, _) => apart(self.scratch, to_range, from_range),
            (Buffer::Output, Buffer::Output, _) => apart(self.output, to_range, from_range),
            (Buffer::Scratch, Buffer::Input, Input::Apart(input)) => {
                (&mut self.scratch[to_range], &input[from_range])
            }
            (_, Buffer::Input, Input::Apart(input)) => (&mut self.output[to_range], &input[from_range]),
            (Buffer::Scratch, ..) => (&mut self.scratch[to_range], &self.output[from_range]),
            _ => (&mut self.output[to_range], &self.scratch[from_range]),
        };
        match *local {
            Local::Copy { .. } => into.copy_from_slice(other),
            Local::Fold { side, .. } => fold(into, other, side),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Who {
    Send(usize),
    Receive(usize),
}

/// What is left of a buffer whose parts are taken from the front.
struct Rest<'a> {
    bytes: &'a mut [u8],
    from: usize,
}

impl<'a> Rest<'a> {
    fn take(&mut self, range: std::ops::Range<usize>) -> &'a mut [u8] {
        let bytes = std::mem::take(&mut self.bytes);
        let (_, bytes) = bytes.split_at_mut(range.start - self.from);
        let (part, rest) = bytes.split_at_mut(range.len());
        self.bytes = rest;
        self.from = range.end;
        part
    }
}

/// Two parts of a buffer that do not overlap.
fn apart(bytes: &mut [u8], one: std::ops::Range<usize>, other: std::ops::Range<usize>) -> (&mut [u8], &[u8]) {
    if one.start < other.start {
        let (low, high) = bytes.split_at_mut(other.start);
        (&mut low[one], &high[..other.len()])
    } else {
        let (low, high) = bytes.split_at_mut(one.start);
        (&mut high[..one.len()], &low[other])
    }
}
