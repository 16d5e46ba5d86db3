//! Keys and values for the library, and what they point to.

use std::ffi::{CString, c_char};
use std::ptr;

use super::abi::{Array, Data, Info, Kind, Value};

/// A list of attributes that owns all it points to.
#[derive(Default)]
pub(super) struct Infos {
    list: Vec<Info>,
    texts: Vec<CString>,
    parts: Vec<(Infos, Box<Array>)>,
}

impl Infos {
    pub(super) fn flag(self, key: &str, value: bool) -> Self {
        self.with(key, Kind::Bool, |data| data.flag = value)
    }

    pub(super) fn u16(self, key: &str, value: u16) -> Self {
        self.with(key, Kind::U16, |data| data.u16 = value)
    }

    pub(super) fn u32(self, key: &str, value: u32) -> Self {
        self.with(key, Kind::U32, |data| data.u32 = value)
    }

    pub(super) fn rank(self, key: &str, value: u32) -> Self {
        self.with(key, Kind::Rank, |data| data.u32 = value)
    }

    /// A text; nothing where it holds a NUL.
    pub(super) fn text(mut self, key: &str, value: &str) -> Self {
        let Ok(text) = CString::new(value) else { return self };
        let pointer = text.as_ptr();
        self.texts.push(text);
        self.with(key, Kind::String, |data| data.string = pointer)
    }

    /// Attributes within an attribute.
    pub(super) fn part(mut self, key: &str, part: Infos) -> Self {
        // The list's items stay where they are when the part moves.
        let array =
            Box::new(Array { kind: Kind::Info as u16, size: part.list.len(), items: part.as_ptr().cast() });
        let pointer = ptr::from_ref(&*array);
        self.parts.push((part, array));
        self.with(key, Kind::Array, |data| data.array = pointer)
    }

    pub(super) fn as_ptr(&self) -> *const Info {
        self.list.as_ptr()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    fn with(mut self, key: &str, kind: Kind, set: impl FnOnce(&mut Data)) -> Self {
        let mut data = Data { whole: [0; 3] };
        set(&mut data);
        let mut info = Info { key: [0; _], flags: 0, value: Value { kind: kind as u16, data } };
        for (to, from) in info.key.iter_mut().zip(key.bytes()) {
            *to = from as c_char;
        }
        self.list.push(info);
        self
    }
}
