use super::super::envelope::Kind;
use super::super::segment::{Geometry, RingMemory, Segment};
use super::*;

fn head(length: usize, tag: i32) -> Head {
    Head { kind: Kind::Eager, length: u32::try_from(length).unwrap(), context: 1, tag }
}

fn ring() -> (Writer<RingMemory>, Reader<RingMemory>, usize) {
    let geometry = Geometry::new(2).unwrap();
    let segment = Segment::own(geometry).unwrap();
    (
        Writer::new(segment.ring(0, 1)),
        Reader::new(segment.ring(0, 1)),
        record_bytes_max(geometry.ring_bytes()),
    )
}

fn take(reader: &mut Reader<RingMemory>) -> Option<(i32, Vec<u8>)> {
    let head = reader.peek().unwrap()?;
    let mut bytes = vec![0; head.length as usize];
    reader.copy(head, 0, &mut bytes);
    reader.pop(head);
    Some((head.tag, bytes))
}

#[test]
fn records_of_all_sizes_come_out_as_they_went_in_many_times_around() {
    let (mut writer, mut reader, most) = ring();
    assert_eq!(take(&mut reader), None);
    // Bytes that look like a head where a cell begins must not be taken for one.
    let sizes = [0, 1, 47, 48, 49, 112, 113, 1000, most];
    for round in 0..200 {
        let size = sizes[round % sizes.len()];
        let bytes = vec![0xff; size];
        let tag = i32::try_from(round).unwrap();
        assert!(writer.push(head(size, tag), [&bytes[..size / 2], &bytes[size / 2..]]));
        assert_eq!(take(&mut reader), Some((tag, bytes)));
        assert_eq!(take(&mut reader), None);
    }
}

#[test]
fn a_full_ring_takes_nothing_until_it_is_read_and_then_the_largest_record() {
    let (mut writer, mut reader, most) = ring();
    let bytes = vec![7; most];
    let mut written = 0;
    while writer.push(head(100, written), [&bytes[..100], &[]]) {
        written += 1;
    }
    assert!(written > 100);
    writer.starve();
    let mut woken = 0;
    for tag in 0..written {
        let next = reader.peek().unwrap().unwrap();
        assert_eq!(next.tag, tag);
        woken += u32::from(reader.pop(next));
    }
    assert_eq!(woken, 1, "who waits for room is woken once");
    assert!(writer.push(head(most, -1), [&bytes, &[]]));
    assert_eq!(take(&mut reader), Some((-1, bytes)));
}

#[test]
fn two_threads_see_every_record_once_and_in_order() {
    let (mut writer, mut reader, _) = ring();
    let rounds = if cfg!(miri) { 300 } else { 100_000 };
    let writing = std::thread::spawn(move || {
        for tag in 0..rounds {
            let bytes = [tag as u8; 200];
            let length = tag as usize % 200;
            while !writer.push(head(length, tag), [&bytes[..length], &[]]) {
                std::thread::yield_now();
            }
        }
    });
    for tag in 0..rounds {
        let record = loop {
            match take(&mut reader) {
                Some(record) => break record,
                None => std::thread::yield_now(),
            }
        };
        assert_eq!(record, (tag, vec![tag as u8; tag as usize % 200]));
    }
    writing.join().unwrap();
}

#[test]
fn memory_that_holds_no_record_is_told_of() {
    let geometry = Geometry::new(1).unwrap();
    let segment = Segment::own(geometry).unwrap();
    let (memory, reader) = (segment.ring(0, 0), Reader::new(segment.ring(0, 0)));
    memory.word(0).store(0x1234, Ordering::Release);
    assert_eq!(reader.peek(), Err(Broken));
    memory.word(0).store(head(1 << 20, 0).words().0, Ordering::Release);
    assert_eq!(reader.peek(), Err(Broken));
}
