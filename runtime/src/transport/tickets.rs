//! Numbers for things that are under way, each used once.

/// Names one thing. Its number is never that of another one of the same [`Tickets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    place: u32,
    turn: u32,
}

impl Ticket {
    /// As one number.
    pub(crate) fn number(self) -> u64 {
        u64::from(self.place) | u64::from(self.turn) << 32
    }

    /// From what [`Self::number`] gave, or from anything.
    pub(crate) fn from_number(number: u64) -> Self {
        Self { place: number as u32, turn: (number >> 32) as u32 }
    }
}

/// Things under way. A place is used again, with the next turn.
#[derive(Debug)]
pub(crate) struct Tickets<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Tickets<T> {
    /// None.
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }

    /// Takes a thing in.
    pub(crate) fn insert(&mut self, thing: T) -> Ticket {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            self.places.len() as u32 - 1
        });
        let (turn, content) = &mut self.places[place as usize];
        *turn = turn.wrapping_add(1);
        *content = Some(thing);
        Ticket { place, turn: *turn }
    }

    /// A thing that is under way.
    pub(crate) fn get(&self, ticket: Ticket) -> Option<&T> {
        let (turn, thing) = self.places.get(ticket.place as usize)?;
        thing.as_ref().filter(|_| *turn == ticket.turn)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut T> {
        let (turn, thing) = self.places.get_mut(ticket.place as usize)?;
        thing.as_mut().filter(|_| *turn == ticket.turn)
    }

    /// Takes a thing out.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<T> {
        let (turn, thing) = self.places.get_mut(ticket.place as usize)?;
        let thing = thing.take_if(|_| *turn == ticket.turn)?;
        self.free.push(ticket.place);
        Some(thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_used_again_and_an_old_ticket_finds_nothing() {
        let mut tickets = Tickets::new();
        let old = tickets.insert("old");
        assert_eq!(tickets.remove(old), Some("old"));
        let new = tickets.insert("new");
        assert_eq!(tickets.get(old), None);
        assert_eq!(tickets.remove(old), None);
        assert_eq!(tickets.get(Ticket::from_number(new.number())), Some(&"new"));
        assert_eq!(tickets.get(Ticket::from_number(u64::MAX)), None);
    }
}
