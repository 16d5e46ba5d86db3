//! Whole lines as they come: who may write, and who waits for the floor.

use super::{Merger, Order};

impl Merger {
    /// From now on whole lines as they come; the stream that was live may be in the middle of one.
    pub(super) fn go_by_line(&mut self) {
        self.order = Order::Line;
        self.share = self.by_line_share;
        self.held_since.clear();
        self.floor =
            (self.turn < self.sources.len() && self.sources[self.turn].mid_line).then_some(self.turn);
        for source in self.turn..self.sources.len() {
            self.release(source);
            self.finish(source);
            self.want(source);
        }
        self.grant();
    }

    /// By line: writes of a stream what may be written, and of the others when that frees the floor.
    pub(super) fn release(&mut self, source: usize) {
        if self.floor.is_some_and(|holder| holder != source) {
            return;
        }
        let had_floor = self.floor.take().is_some();
        self.release_free(source);
        if !had_floor || self.floor.is_some() {
            return;
        }
        for other in self.turn..self.sources.len() {
            if other != source && self.floor.is_none() {
                self.release_free(other);
                self.finish(other);
                self.want(other);
            }
        }
    }

    /// By line, with the floor free: whole lines, the last one of a stream that is over, and a line that is too
    /// long to be held, which takes the floor.
    fn release_free(&mut self, source: usize) {
        let over = self.sources[source].is_over();
        self.write_held(source, over);
        if over {
            self.end_line(source);
            return;
        }
        let state = &self.sources[source];
        if state.held_bytes() >= self.share || state.mid_line {
            self.write_held(source, true);
            if self.sources[source].mid_line {
                self.floor = Some(source);
            }
        }
    }

    /// By line and without order: counts a stream out once all of it is written.
    pub(super) fn finish(&mut self, source: usize) {
        let state = &mut self.sources[source];
        if state.is_over() && state.held_bytes() == 0 && !state.counted {
            state.counted = true;
            self.unfinished -= 1;
        }
    }
}
